"""A driver connection with one round trip to SQLite's thread per statement, or per transaction.

aiosqlite runs each connection in a thread of its own, and SQLAlchemy calls it four times per
statement: open a cursor, execute, fetch all, close. Each call is a round trip through the event
loop. This driver does all four in one round trip, and BEGIN with the first statement. Work that
awaits nothing but its statements can run in the thread as a whole.
"""

import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any, Self, TypeVar

import aiosqlite

from app.db.uninterrupted import uninterrupted

Result = TypeVar("Result")

_here = local()
"""Its `driver` is the connection whose work runs in this thread."""


def connection_here() -> sqlite3.Connection | None:
    """SQLite's own connection, in its transaction, for work that runs in the connection's thread.

    None elsewhere.
    """
    driver: InThreadConnection | None = getattr(_here, "driver", None)
    return None if driver is None else driver.begun()


async def end_here(end: Callable[["InThreadConnection"], Coroutine[Any, Any, None]]) -> None:
    """For work that runs in the connection's thread: end its transaction, and begin another one."""
    driver: InThreadConnection | None = getattr(_here, "driver", None)
    if driver is not None:
        await end(driver)
        driver.begin_immediate()


class InThreadCursor:
    """A cursor for SQLAlchemy's adapter, whose rows are already fetched."""

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
        """The rows, which are already fetched."""
        return self._rows

    async def close(self) -> None:
        """Do nothing: the thread has closed the cursor."""

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
    """An aiosqlite connection whose cursors take one round trip per statement, and BEGIN none."""

    fetch: Callable[[sqlite3.Cursor], list[Any]] = staticmethod(sqlite3.Cursor.fetchall)
    """Reads the rows of a statement, in the thread."""
    _begins = False
    _is_in_thread = False

    @contextmanager
    def fetching(self, fetch: Callable[[sqlite3.Cursor], list[Any]]) -> Iterator[None]:
        """Read rows by this function until the block ends; it may read only a part of them."""
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
        """Run work to completion in the thread; it may await nothing but this connection.

        Raises:
            RuntimeError: the work awaited something else.

        """
        # The thread uses the connection, which must stay open.
        [result] = await uninterrupted(
            self._execute(lambda: [self.run_here(work)])  # type: ignore[no-untyped-call]  # has no types
        )
        return result  # type: ignore[no-any-return]  # aiosqlite does not say what it returns

    def run_here(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run work as `run`, when called in the thread.

        Raises:
            RuntimeError: the work awaited something else.

        """
        self._is_in_thread = True
        _here.driver = self
        try:
            work.send(None)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # as the coroutine returns it
        finally:
            self._is_in_thread = False
            _here.driver = None
        work.close()
        raise RuntimeError("a transaction may await nothing but its own statements")

    def begin_immediate(self) -> None:
        """Take the write lock, in one round trip with the next statement.

        Within a transaction this does nothing.
        """
        self._begins = not self.in_transaction

    def begun(self) -> sqlite3.Connection:
        """SQLite's own connection, in the requested transaction. For use in the thread only."""
        if self._begins:
            self._begins = False
            self._conn.execute("BEGIN IMMEDIATE")
        return self._conn

    def cursor(self) -> InThreadCursor:  # type: ignore[override]  # SQLAlchemy uses no more of it
        """A cursor; creating it does not use the thread."""
        return InThreadCursor(self)

    async def rollback(self) -> None:
        """Roll back; without a transaction this takes no round trip."""
        self._begins = False
        if self._is_in_thread:
            self._conn.rollback()
        elif self.in_transaction:
            await super().rollback()

    async def commit(self) -> None:
        """Commit; without a transaction this takes no round trip."""
        self._begins = False
        if self._is_in_thread:
            self._conn.commit()
        elif self.in_transaction:
            await super().commit()
