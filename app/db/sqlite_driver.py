"""A driver connection that crosses to SQLite's thread once a statement, or once for all of them.

aiosqlite runs each connection in a thread of its own, and SQLAlchemy calls it four times for one
statement: open a cursor, execute, fetch all, close. Each call is a round trip through the event
loop. This one does all four in the thread at once, and BEGIN with the first statement. Work that
awaits nothing but its statements can go to the thread as a whole.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

import aiosqlite

Result = TypeVar("Result")


class OneHopCursor:
    """What SQLAlchemy's adapter needs of a cursor, with the rows fetched already."""

    arraysize = 1

    def __init__(self, connection: "InThreadConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement and fetch all its rows."""
        await self._connection.call(self._in_thread, "execute", sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each set of parameters."""
        await self._connection.call(self._in_thread, "executemany", sql, parameters)

    async def fetchall(self) -> list[Any]:
        """The rows, which are here already."""
        return self._rows

    async def close(self) -> None:
        """Closed in the thread already."""

    def _in_thread(self, method: str, sql: str, parameters: Iterable[Any]) -> None:
        connection = self._connection.begun()
        cursor: sqlite3.Cursor = getattr(connection, method)(sql, parameters)
        try:
            self._rows = self._connection.fetch(cursor)
            self.description = cursor.description
            self.rowcount = cursor.rowcount
            self.lastrowid = cursor.lastrowid
        finally:
            cursor.close()


class InThreadConnection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors take one crossing a statement, and BEGIN none."""

    fetch: Callable[[sqlite3.Cursor], list[Any]] = staticmethod(sqlite3.Cursor.fetchall)
    """Reads the rows of a statement, in the thread."""
    _begins = False
    _is_in_thread = False

    @contextmanager
    def fetching(self, fetch: Callable[[sqlite3.Cursor], list[Any]]) -> Iterator[None]:
        """Read rows in this way, until the block ends: perhaps not all that a statement finds."""
        self.fetch = fetch
        try:
            yield
        finally:
            del self.fetch

    async def call(self, function: Callable[..., None], *args: Any) -> None:
        """Call a function in the thread."""
        if self._is_in_thread:
            function(*args)
        else:
            await self._execute(function, *args)  # type: ignore[no-untyped-call]  # has no types

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run work to its end in the thread; it may await nothing but this connection.

        Raises:
            RuntimeError: it awaited something else.

        """
        running = asyncio.ensure_future(
            self._execute(self._run_in_thread, work)  # type: ignore[no-untyped-call]  # has no types
        )
        try:
            [result] = await asyncio.shield(running)
        except asyncio.CancelledError:
            # The thread still uses it, however often this is cancelled: it must not be closed.
            while not running.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({running})
            raise
        return result  # type: ignore[no-any-return]  # aiosqlite does not say what it returns

    def _run_in_thread(self, work: Coroutine[Any, Any, Result]) -> list[Result]:
        self._is_in_thread = True
        try:
            work.send(None)
        except StopIteration as end:
            return [end.value]
        finally:
            self._is_in_thread = False
        work.close()
        raise RuntimeError("a transaction awaits nothing but its own statements")

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
        if self._is_in_thread:
            # As the session does by itself when a statement of its own fails.
            self._conn.rollback()
        elif self.in_transaction:
            await super().rollback()

    async def commit(self) -> None:
        """Commit, which without a transaction is nothing, and not worth a crossing."""
        self._begins = False
        if self.in_transaction:
            await super().commit()
