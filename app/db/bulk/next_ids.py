"""Ids for rows that the same transaction is about to insert."""

from collections.abc import Sequence

from sqlalchemy import Table, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.together import Query
from app.db.id_order import announcement
from app.db.session import dialect_of


class NextIds:
    """The next ids of a table with the primary key `id`."""

    def __init__(self, table: Table) -> None:
        self._first = select(func.coalesce(func.max(table.c.id), 0) + 1)
        numbers = func.generate_series(1, bindparam("count")).table_valued("number")
        self._allocated = (
            select(func.nextval(f"{table.name}_id_seq", type_=table.c.id.type).label("id"))
            .select_from(numbers)
            .where(announcement(table))
        )

    def query(self, session: AsyncSession, count: int) -> Query[Sequence[int]]:
        """A query for this many ids, ascending; PostgreSQL does not reuse those that are left."""
        if dialect_of(session).name == "sqlite":
            # Under the write lock no other transaction allocates ids.
            return Query(self._first, {}, lambda rows: range(rows[0][0], rows[0][0] + count))
        return Query(self._allocated, {"count": count}, lambda rows: sorted(id for (id,) in rows))
