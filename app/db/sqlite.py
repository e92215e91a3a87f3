"""SQLite: engines, pragmas, and the meaning of its errors."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, cast
from weakref import WeakSet

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from app.core.errors import DatabaseUnavailable, ServiceError, StartupError, StorageFull
from app.db.backend import Backend, Result, original
from app.db.group_read import GroupRead
from app.db.session import WriteSession
from app.db.sqlite_driver import InThreadConnection
from app.db.sqlite_file import SQLiteFile
from app.db.sqlite_watch import LOG_KEPT, Watch
from app.db.sqlite_writer import Writer

TURN_TIMEOUT = 2.0
"""Seconds that a request waits for a connection that reads."""

DRIVER: type[aiosqlite.Connection] = InThreadConnection
"""The driver; the tests also run on the stock one."""

JOIN_TIMEOUT = 2.0
"""Seconds at shutdown for the last statements of connections whose request was cancelled."""
_JOIN_POLL = 0.005

Threads = WeakSet[Thread]
"""The threads of a database's connections."""

_DEFENSIVE = ("PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON")
_READS = ("PRAGMA query_only = ON",)
_DURABLE = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")


class SQLite(Backend):
    """One file: a single connection that writes, and a pool of connections that read."""

    serves_many = False
    files: SQLiteFile

    def __init__(self, path: Path, readers: int) -> None:
        self.name = path.name
        self.files = SQLiteFile(path)
        self.location = str(self.files.path)
        self._threads: Threads = WeakSet()
        self._writers = _writer_engine(self.files, self._threads)
        self._writer = Writer(self._writers)
        self.readers = _reader_engine(self.files, self._threads, readers)
        if DRIVER is InThreadConnection:
            self._group_readers = _engine(
                self.files, self._threads, "ro", _READS, poolclass=NullPool
            )
            self.group_read = GroupRead(self._group_readers.connect, readers)
        self._watch = Watch(self.files, self._writer, self._are_reading)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        with self.files.served():
            try:
                async with self._watch.going_on():
                    yield
            finally:
                # The writer closes last: the last connection checkpoints, and only the writer may.
                if self.group_read is not None:
                    await self.group_read.close()
                await self.readers.dispose()
                await self._writer.close()
                await self._writers.dispose()
                await self._join_threads()

    def writing(self) -> AbstractAsyncContextManager[WriteSession]:
        return self._writer.session()

    async def run(
        self, work: Callable[[WriteSession], Coroutine[Any, Any, Result]], session: WriteSession
    ) -> Result:
        driver = self._writer.driver
        if isinstance(driver, InThreadConnection):
            return await driver.run(_committed(work, session, driver))
        return await work(session)

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        if not self.files.is_served:
            self.files.create()
        # A rebuild drops the table; with foreign keys on, SQLite refuses if rows reference it.
        pragmas = [*_DURABLE, "PRAGMA foreign_keys = OFF"]
        engine = _engine(self.files, self._threads, "rw", pragmas, poolclass=NullPool)
        _begin_immediate(engine)
        try:
            async with engine.begin() as connection:
                yield connection
                orphans = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
                if orphans:
                    raise StartupError(
                        f"The migration would leave {len(orphans)} rows that reference a missing "
                        "row."
                    )
        finally:
            await engine.dispose()

    def _are_reading(self) -> bool:
        pool = cast("AsyncAdaptedQueuePool", self.readers.pool)
        return pool.checkedout() > 0 or (self.group_read is not None and self.group_read.is_reading)

    async def let_log_shrink(self) -> None:
        await self._watch.resumed.wait()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        if not self.files.path.is_file():
            raise StartupError(f"There is no database {self.name}.")
        # A process that serves the file would acknowledge requests that this snapshot lacks.
        with self.files.held():
            with closing(self.files.connect("ro")) as plain:
                self.files.require_ours(plain)
            engine = _engine(self.files, self._threads, "rw", _READS, poolclass=NullPool)
            try:
                async with engine.connect() as connection:
                    await connection.exec_driver_sql("BEGIN")
                    yield connection
            finally:
                await engine.dispose()
                await self._join_threads()

    def service_error(self, error: Exception, *, committing: bool = False) -> ServiceError | None:
        match getattr(original(error), "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_FULL:
                return StorageFull()
            case (
                sqlite3.SQLITE_BUSY
                | sqlite3.SQLITE_CANTOPEN
                | sqlite3.SQLITE_IOERR
                | sqlite3.SQLITE_READONLY
            ):
                return DatabaseUnavailable()
            case _:
                return None

    async def _join_threads(self) -> None:
        """Wait for connections that were cancelled: their threads report to this event loop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(JOIN_TIMEOUT):
                while any(thread.is_alive() for thread in self._threads):  # noqa: ASYNC110  # a thread has no event
                    await asyncio.sleep(_JOIN_POLL)

    def cause(self, error: Exception) -> str:
        return f"SQLite error: {getattr(original(error), 'sqlite_errorname', type(error).__name__)}"


async def _committed(
    work: Callable[[WriteSession], Coroutine[Any, Any, Result]],
    session: WriteSession,
    driver: InThreadConnection,
) -> Result:
    """Run work, and commit it or roll it back, all in the connection's thread.

    A session that was used finds no open transaction later, and takes no further round trip.
    """
    driver.begin_immediate()
    try:
        result = await work(session)
        if session.in_transaction():
            await session.flush()
        await driver.commit()
    except BaseException:
        await driver.rollback()
        raise
    return result


def _writer_engine(file: SQLiteFile, threads: Threads) -> AsyncEngine:
    """One connection; every BEGIN takes the write lock.

    A deferred BEGIN would take the lock at the first write, where SQLite cannot wait for it.
    """
    engine = _engine(
        file,
        threads,
        "rw",
        [*_DURABLE, f"PRAGMA journal_size_limit = {LOG_KEPT}", "PRAGMA foreign_keys = ON"],
        poolclass=NullPool,
    )
    _begin_immediate(engine)
    return engine


def _reader_engine(file: SQLiteFile, threads: Threads, size: int) -> AsyncEngine:
    return _engine(
        file,
        threads,
        "ro",
        _READS,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=TURN_TIMEOUT,
    )


def _engine(
    file: SQLiteFile, threads: Threads, mode: str, pragmas: Sequence[str], **pool: Any
) -> AsyncEngine:
    engine = create_async_engine(
        "sqlite+aiosqlite:///",
        async_creator=partial(_connect, file, threads, mode),
        hide_parameters=True,
        pool_reset_on_return=None,
        **pool,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (*_DEFENSIVE, *pragmas):
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "reset")
    def end_transaction(connection: Any, _record: object, _state: object) -> None:
        # A COMMIT that failed leaves its transaction open, but SQLAlchemy assumes that it ended.
        if connection.driver_connection.in_transaction:
            connection.rollback()

    return engine


async def _connect(file: SQLiteFile, threads: Threads, mode: str) -> aiosqlite.Connection:
    connection = DRIVER(partial(file.connect, mode), iter_chunk_size=64)
    thread = connection._thread  # noqa: SLF001  # as SQLAlchemy does
    thread.daemon = True  # Otherwise exit would hang.
    threads.add(thread)
    return await connection


def _begin_immediate(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        if isinstance(driver, InThreadConnection):
            driver.begin_immediate()
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
