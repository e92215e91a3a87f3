"""Ids for rows that the same transaction is about to insert."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.together import Query
from app.db.id_order import announcement
from app.db.session import is_sqlite


class NextIds:
    """The next ids of a table with the primary key `id`.

    Args:
        table: the table.
        per: PostgreSQL allocates an id for each of these rows, by default for `count` rows,
        conditions: if the row meets all of these.

    """

    def __init__(
        self, table: Table, per: FromClause | None = None, *conditions: ColumnElement[bool]
    ) -> None:
        if per is None:
            per = func.generate_series(1, bindparam("count")).table_valued("number")
        self._first = select(func.coalesce(func.max(table.c.id), 0) + 1)
        self._allocated = (
            select(func.nextval(f"{table.name}_id_seq", type_=table.c.id.type).label("id"))
            .select_from(per)
            .where(announcement(table), *conditions)
        )

    def query(self, session: AsyncSession, count: int, **parameters: Any) -> Query[Sequence[int]]:
        """A query for ids, ascending; on SQLite always `count`.

        SQLite uses those again that are left; PostgreSQL leaves them out.
        """
        if is_sqlite(session):
            # Under the write lock no other transaction allocates ids.
            return Query(self._first, {}, lambda rows: range(rows[0][0], rows[0][0] + count))
        return Query(
            self._allocated,
            {**parameters, "count": count},
            lambda rows: sorted(id for (id,) in rows),
        )
