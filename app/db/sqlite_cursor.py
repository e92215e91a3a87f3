"""A driver connection that crosses to SQLite's thread once a statement.

aiosqlite runs each connection in a thread of its own, and SQLAlchemy calls it four times for one
statement: open a cursor, execute, fetch all, close. Each call is a round trip through the event
loop. This one does all four in the thread at once, and BEGIN with the first statement.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Self

import aiosqlite


class OneHopCursor:
    """What SQLAlchemy's adapter needs of a cursor, with the rows fetched already."""

    arraysize = 1

    def __init__(self, connection: "OneHopConnection") -> None:
        # The base class's own way to its thread.
        self._run: Callable[..., Awaitable[None]] = connection._execute  # noqa: SLF001  # as above
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement and fetch all its rows."""
        await self._run(self._in_thread, "execute", sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each set of parameters."""
        await self._run(self._in_thread, "executemany", sql, parameters)

    async def fetchall(self) -> list[Any]:
        """The rows, which are here already."""
        return self._rows

    async def close(self) -> None:
        """Closed in the thread already."""

    def _in_thread(self, method: str, sql: str, parameters: Iterable[Any]) -> None:
        connection = self._connection.begun()
        cursor: sqlite3.Cursor = getattr(connection, method)(sql, parameters)
        try:
            self._rows = cursor.fetchall()
            self.description = cursor.description
            self.rowcount = cursor.rowcount
            self.lastrowid = cursor.lastrowid
        finally:
            cursor.close()


class OneHopConnection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors take one crossing a statement, and BEGIN none."""

    _begins = False

    def begin_immediate(self) -> None:
        """Begin a transaction that takes the write lock, together with the next statement."""
        self._begins = True

    def begun(self) -> sqlite3.Connection:
        """SQLite's own connection, in the transaction that was asked for. For the thread only."""
        if self._begins:
            self._begins = False
            self._conn.execute("BEGIN IMMEDIATE")
        return self._conn

    def cursor(self) -> OneHopCursor:  # type: ignore[override]  # SQLAlchemy uses no more of it
        """A cursor; making it does not touch the thread."""
        return OneHopCursor(self)

    async def rollback(self) -> None:
        """Roll back, which without a transaction is nothing, and not worth a crossing."""
        self._begins = False
        if self.in_transaction:
            await super().rollback()

    async def commit(self) -> None:
        """Commit, which without a transaction is nothing, and not worth a crossing."""
        self._begins = False
        if self.in_transaction:
            await super().commit()
