"""INSERT of many rows whose ids the database allocates."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.arrays import as_arrays, insert_from_arrays
from app.db.bulk.execute import execute
from app.db.bulk.statement import bulk_insert
from app.db.id_order import announcement


class InsertReturningIds:
    """An INSERT of rows, given as tuples, into a table with the primary key `id`."""

    def __init__(self, table: Table, columns: Sequence[str], shared: Sequence[str] = ()) -> None:
        self._names = [*columns, *shared]
        self._bulk_insert = bulk_insert(insert(table), columns, shared)
        from_arrays = insert_from_arrays(insert(table), self._names, announcement(table))
        self._from_arrays = from_arrays.returning(table.c.id)

    async def insert(
        self, session: AsyncSession, rows: Sequence[tuple[Any, ...]], *shared: Any
    ) -> Sequence[int]:
        """Insert rows of the columns; each row also has the shared values.

        Returns:
            Their ids, ascending in the order of the rows.

        """
        if session.get_bind().dialect.name != "sqlite":
            # Other processes allocate ids at the same time, so the ids of the rows have gaps. They
            # ascend in the order of the rows, but may be returned in another order.
            values = as_arrays(self._names, rows, shared)
            return sorted(id for (id,) in await execute(session, self._from_arrays, values))
        # Under the write lock no other transaction allocates ids, and SQLite would run
        # INSERT … RETURNING once for each row.
        first_id = (await self._bulk_insert.run(session, rows[:1], *shared)).lastrowid
        if len(rows) > 1:
            await self._bulk_insert.run(session, rows[1:], *shared)
        return range(first_id, first_id + len(rows))
