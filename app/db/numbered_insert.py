"""INSERT of many rows whose ids the database draws."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.arrays import as_arrays
from app.db.bulk_insert import BulkInsert, from_arrays


class NumberedInsert:
    """An INSERT of rows that are tuples into a table with the key `id`."""

    def __init__(self, table: Table, columns: Sequence[str], shared: Sequence[str] = ()) -> None:
        self._names = [*columns, *shared]
        self._last_id = select(func.max(table.c.id))
        self._with_ids = BulkInsert(insert(table), ["id", *columns], shared)
        self._from_arrays = from_arrays(insert(table), self._names).returning(table.c.id)

    async def __call__(
        self, session: AsyncSession, rows: Sequence[tuple[Any, ...]], *shared: Any
    ) -> Sequence[int]:
        """Insert rows of the columns, and in each of them the shared values.

        Returns:
            Their ids, which rise in the order given.

        """
        if session.get_bind().dialect.name != "sqlite":
            # Other processes draw ids at the same time, so each row has to ask for its own: in the
            # order of the rows, but who knows in which they are returned.
            values = as_arrays(self._names, rows, shared)
            return sorted(await session.scalars(self._from_arrays, values))
        # Under the write lock nobody else takes the ids that follow the last one, and SQLite would
        # run INSERT … RETURNING once for each row.
        last_id = await session.scalar(self._last_id) or 0
        ids = range(last_id + 1, last_id + 1 + len(rows))
        numbered = [(id, *row) for id, row in zip(ids, rows, strict=True)]
        await self._with_ids(session, numbered, *shared)
        return ids
