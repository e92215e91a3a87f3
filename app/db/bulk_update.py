"""UPDATE of many rows, each to values of its own, in one statement."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, and_, bindparam, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.arrays import as_arrays, rows_of_arrays


class BulkUpdate:
    """An UPDATE from rows that are tuples: the columns that a row is found by, and the new ones."""

    def __init__(self, table: Table, keys: Sequence[str], columns: Sequence[str]) -> None:
        self._names = [*keys, *columns]
        rows = rows_of_arrays(table, self._names)
        self._from_arrays = (
            update(table)
            .where(and_(*(table.c[name] == rows.c[name] for name in keys)))
            .values({name: rows.c[name] for name in columns})
        )
        # Names of their own: SQLAlchemy keeps those of the columns to itself.
        self._parameters = [f"all_{name}" for name in self._names]
        self._one_by_one = (
            update(table)
            .where(and_(*(table.c[name] == bindparam(f"all_{name}") for name in keys)))
            .values({name: bindparam(f"all_{name}") for name in columns})
        )

    async def __call__(self, session: AsyncSession, rows: Sequence[tuple[Any, ...]]) -> None:
        """Update the rows; those that are not found are left out."""
        if session.get_bind().dialect.name != "sqlite":
            await session.execute(self._from_arrays, as_arrays(self._names, rows))
            return
        await session.execute(
            self._one_by_one, [dict(zip(self._parameters, row, strict=True)) for row in rows]
        )
