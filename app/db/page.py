"""Pages of rows with a maximum size in bytes; few rows are read that a page does not show."""

import logging
import sqlite3
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.core.limits import MAX_PAGE_BYTES
from app.db.backend import original
from app.db.bulk.compiled import compiled
from app.db.id_order import rows_in_order
from app.db.session import dialect_of
from app.db.sqlite_driver import InThreadConnection, connection_here

_log = logging.getLogger(__name__)

Item = TypeVar("Item")


class Page(NamedTuple, Generic[Item]):
    """Some rows of a list, and whether more follow."""

    items: Sequence[Item]
    has_more: bool
    left_out: bool = False
    """Whether rows were left out because they cannot be read."""


class SizedPage:
    """A SELECT in id order whose pages end after `MAX_PAGE_BYTES` of one text column.

    Its parameters are `after`, `UNTIL` and `limit`. A page that is not the last has at least one
    row.
    """

    def __init__(self, statement: Select[Any], column: str) -> None:
        self._statement = statement
        self._table = statement.selected_columns.id.table
        self._ids = statement.with_only_columns(
            statement.selected_columns.id, maintain_column_froms=True
        )
        self._column = list(statement.selected_columns.keys()).index(column)
        self._up_to_size = _up_to_size(statement, column)

    async def fetch(self, session: AsyncSession, *, limit: int, **parameters: Any) -> Page[Any]:
        """At most `limit` rows. Unreadable rows are left out, and logged by their id."""
        wanted = {**parameters, "limit": limit + 1}
        left_out = False
        rows: Sequence[Sequence[Any]]
        here = connection_here()
        try:
            if here is None:
                rows = await session.run_sync(self._fetch, wanted)
            else:
                statement = compiled(self._statement, dialect_of(session))
                rows = statement.rows(here, wanted, self._until_full)
        except Exception as error:
            if not _is_unreadable_row(error):
                raise
            left_out = True
            rows = await session.run_sync(self._fetch_one_by_one, wanted)
        shown = min(limit, self._within_bounds(rows))
        return Page(rows[:shown], has_more=len(rows) > shown, left_out=left_out)

    def _fetch(self, session: Session, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
        connection = session.connection()
        if connection.dialect.name != "sqlite":
            return rows_in_order(connection, self._up_to_size, parameters, self._table)
        driver = connection.connection.driver_connection
        if not isinstance(driver, InThreadConnection):
            return connection.execute(self._statement, parameters).all()
        # SQLite fetches each row on demand, and reads a whole text to determine its size.
        with driver.fetching(self._until_full):
            return connection.execute(self._statement, parameters).all()

    def _fetch_one_by_one(self, session: Session, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
        """The same rows without unreadable ones, which are damaged or written by other programs."""
        rows: list[Row[Any]] = []
        ids = self._ids_after(parameters["after"], session, parameters)
        while ids and len(rows) < parameters["limit"]:
            for id in ids:
                try:
                    rows += self._fetch(session, {**parameters, "after": id - 1, "limit": 1})
                except Exception as error:
                    if not _is_unreadable_row(error):
                        raise
                    _log.error(
                        "row %s of %s cannot be read; the response omits it", id, self._table.name
                    )
                if len(rows) == parameters["limit"]:
                    break
            ids = self._ids_after(ids[-1], session, parameters)
        return rows

    def _ids_after(self, id: int, session: Session, parameters: dict[str, Any]) -> list[int]:
        found = session.connection().execute(self._ids, {**parameters, "after": id}).scalars()
        # After the last row, an outer join returns one row of NULLs.
        return [id for id in found if id is not None]

    def _until_full(self, cursor: sqlite3.Cursor) -> list[Any]:
        """The rows up to the first one beyond the limit."""
        rows: list[Any] = []
        total = 0
        for row in cursor:
            rows.append(row)
            total += _size(row[self._column])
            if total > MAX_PAGE_BYTES and len(rows) > 1:
                break
        return rows

    def _within_bounds(self, rows: Sequence[Sequence[Any]]) -> int:
        total = 0
        for position, row in enumerate(rows):
            total += _size(row[self._column])
            if total > MAX_PAGE_BYTES and position:
                return position
        return len(rows)


def _up_to_size(statement: Select[Any], column: str) -> Select[Any]:
    """The rows up to the first one beyond the limit; PostgreSQL knows sizes without reading."""
    page = statement.subquery("page")
    size = func.coalesce(func.octet_length(page.c[column]), 0)
    before = func.sum(size).over(order_by=page.c.id, rows=(None, -1))
    position = func.row_number().over(order_by=page.c.id)
    sized = select(page, before.label("before"), position.label("position")).subquery("sized")
    return (
        select(*(sized.c[name] for name in page.c.keys()))  # noqa: SIM118  # not a mapping
        .where(or_(sized.c.before <= MAX_PAGE_BYTES, sized.c.position <= 2))  # noqa: PLR2004  # one, and the next
        .order_by(sized.c.id)
    )


def _is_unreadable_row(error: Exception) -> bool:
    """Whether a value could not be read. Errors of Python's sqlite3 itself have no SQLite code."""
    if isinstance(error, DBAPIError | sqlite3.Error):
        cause = original(error)
        return isinstance(cause, sqlite3.OperationalError) and not hasattr(
            cause, "sqlite_errorcode"
        )
    return isinstance(error, ValueError | TypeError | AttributeError)


def _size(text: str | None) -> int:
    if text is None:
        return 0
    return len(text) if text.isascii() else len(text.encode())
