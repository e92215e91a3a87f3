"""Finds rows by a unique column, and inserts missing rows."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert  # also compiles for SQLite
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.arrays import as_arrays, insert_from_arrays
from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.db.bulk.statement import bulk_insert


class GetOrInsert:
    """Maps values of a unique column, `by`, to those of the primary key."""

    def __init__(
        self,
        table: Table,
        *,
        key: str,
        new_key: Callable[[], Any],
        by: str,
        shared: Sequence[str] = (),
    ) -> None:
        self._new_key = new_key
        self._names = [key, by, *shared]
        insert_if_absent = insert(table).on_conflict_do_nothing()
        self._find = select(table.c[by], table.c[key]).where(in_list(table.c[by], "wanted"))
        self._insert = bulk_insert(insert_if_absent, columns=[key, by], shared=shared)
        inserted = (
            insert_from_arrays(insert_if_absent, self._names)
            .returning(table.c[by], table.c[key])
            .cte("inserted")
        )
        self._insert_or_find = select(inserted).union_all(self._find)

    async def find(self, session: AsyncSession, wanted: Collection[Any]) -> dict[Any, Any]:
        """The keys of existing rows, by the unique column."""
        rows = await execute(session, self._find, {"wanted": list(wanted)})
        return {value: key for value, key in rows}  # noqa: C416  # dict() has no type for rows

    async def get_or_insert(
        self, session: AsyncSession, wanted: Collection[Any], *shared: Any
    ) -> dict[Any, Any]:
        """The keys by the unique column, in a fixed number of statements.

        Safe alongside transactions that insert the same rows.

        Args:
            session: a session that writes.
            wanted: values of the unique column, each once.
            shared: values of the shared columns in all new rows.

        """
        # PostgreSQL does both in one statement.
        found = await self.find(session, wanted) if _is_sqlite(session) else {}
        missing = [value for value in wanted if value not in found]
        return found | await self.insert(session, missing, *shared) if missing else found

    async def insert(
        self, session: AsyncSession, missing: Collection[Any], *shared: Any
    ) -> dict[Any, Any]:
        """Insert missing rows; return their keys, or those that another transaction inserted."""
        # Sorted, so that two transactions that insert the same rows cannot deadlock.
        rows = [(self._new_key(), value) for value in sorted(missing)]
        insert = self._insert_on_sqlite if _is_sqlite(session) else self._insert_on_postgres
        found = await insert(session, rows, shared)
        lost = [value for value in missing if value not in found]
        return found | await self.find(session, lost) if lost else found

    async def _insert_on_sqlite(
        self, session: AsyncSession, rows: Sequence[tuple[Any, Any]], shared: Sequence[Any]
    ) -> dict[Any, Any]:
        inserted = await self._insert.run(session, rows, *shared)
        return {value: key for key, value in rows} if inserted.rowcount == len(rows) else {}

    async def _insert_on_postgres(
        self, session: AsyncSession, rows: Sequence[tuple[Any, Any]], shared: Sequence[Any]
    ) -> dict[Any, Any]:
        wanted = {"wanted": [value for _, value in rows]}
        parameters = as_arrays(self._names, rows, shared) | wanted
        found = await execute(session, self._insert_or_find, parameters)
        return {value: key for value, key in found}  # noqa: C416  # dict() has no type for rows


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"
