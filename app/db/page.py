"""Pages of rows that also end after so many bytes, of which no more is read than is shown."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.core.limits import MAX_PAGE_BYTES
from app.db.sqlite_cursor import OneHopConnection

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """Some rows of a list, and whether others follow."""

    items: Sequence[Item]
    has_more: bool


class SizedPage:
    """A SELECT in the order of its `id` whose pages end after `MAX_PAGE_BYTES` of one text column.

    It has the parameter `limit`. There is at least one row on a page that others follow.
    """

    def __init__(self, statement: Select[Any], column: str) -> None:
        self._statement = statement
        self._column = list(statement.selected_columns.keys()).index(column)
        self._summed_up = _summed_up(statement, column)

    async def fetch(
        self, session: AsyncSession, *, limit: int, **parameters: Any
    ) -> Page[Row[Any]]:
        """At most `limit` rows."""
        rows = await session.run_sync(self._fetch, {**parameters, "limit": limit + 1})
        shown = min(limit, self._within_bounds(rows))
        return Page(rows[:shown], has_more=len(rows) > shown)

    def _fetch(self, session: Session, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
        connection = session.connection()
        if connection.dialect.name != "sqlite":
            return connection.execute(self._summed_up, parameters).all()
        driver = connection.connection.driver_connection
        if not isinstance(driver, OneHopConnection):
            return connection.execute(self._statement, parameters).all()
        # SQLite finds a row when it is asked for the row, and reads all of a text to know its size.
        with driver.fetching(self._until_full):
            return connection.execute(self._statement, parameters).all()

    def _until_full(self, cursor: sqlite3.Cursor) -> list[Any]:
        """The rows to one that is too many."""
        rows: list[Any] = []
        total = 0
        for row in cursor:
            rows.append(row)
            total += _size(row[self._column])
            if total > MAX_PAGE_BYTES and len(rows) > 1:
                break
        return rows

    def _within_bounds(self, rows: Sequence[Row[Any]]) -> int:
        total = 0
        for position, row in enumerate(rows):
            total += _size(row[self._column])
            if total > MAX_PAGE_BYTES and position:
                return position
        return len(rows)


def _summed_up(statement: Select[Any], column: str) -> Select[Any]:
    """The same rows to one that is too many; PostgreSQL knows a text's size without reading it."""
    page = statement.subquery("page")
    size = func.coalesce(func.octet_length(page.c[column]), 0)
    before = func.sum(size).over(order_by=page.c.id, rows=(None, -1))
    position = func.row_number().over(order_by=page.c.id)
    sized = select(page, before.label("before"), position.label("position")).subquery("sized")
    return (
        select(*(sized.c[name] for name in page.c.keys()))  # noqa: SIM118  # no mapping
        .where(or_(sized.c.before <= MAX_PAGE_BYTES, sized.c.position <= 2))  # noqa: PLR2004
        .order_by(sized.c.id)
    )


def _size(text: str | None) -> int:
    if text is None:
        return 0
    return len(text) if text.isascii() else len(text.encode())
