"""All that only SQLite needs: engines and pragmas, the one-process lock, what its errors mean."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite
from filelock import FileLock, Timeout
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from app.core.errors import DatabaseUnavailable, DomainError, StartupError, StorageFull
from app.db.sqlite_cursor import OneHopConnection

BUSY_TIMEOUT = 1.5
"""Seconds that SQLite itself waits for another process's lock."""
TURN_TIMEOUT = 2.0
"""Seconds that a request waits for a connection; both together stay well within five."""

DRIVER: type[aiosqlite.Connection] = OneHopConnection
"""The driver; the suite runs on the stock one, too."""

_DURABLE = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")


def writer_engine(path: Path) -> AsyncEngine:
    """One connection, handed on first come first served; every BEGIN takes the write lock.

    A deferred BEGIN would take the lock at the first write, where SQLite can no longer wait for it.
    """
    engine = _engine(
        path,
        [*_DURABLE, "PRAGMA foreign_keys = ON"],
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=TURN_TIMEOUT,
    )
    _begin_immediate(engine)
    return engine


def reader_engine(path: Path, size: int) -> AsyncEngine:
    """`size` connections that cannot write."""
    return _engine(
        path,
        ["PRAGMA query_only = ON"],
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=TURN_TIMEOUT,
    )


def migration_engine(path: Path) -> AsyncEngine:
    """A connection for schema changes: with keys on, rebuilding a table empties its children."""
    engine = _engine(path, [*_DURABLE, "PRAGMA foreign_keys = OFF"], poolclass=NullPool)
    _begin_immediate(engine)
    return engine


@contextmanager
def lock_for_this_process(path: Path) -> Iterator[None]:
    """Keep every other server process off the file.

    Two processes that both checkpoint can corrupt the database (the WAL-reset fault of SQLite
    before 3.51.3), and the first-come-first-served order of the one writer would be lost.

    Raises:
        StartupError: another process serves the file, or its folder is missing or not writable.

    """
    if not path.parent.is_dir():
        # The lock would create it, and a mistyped path begin an empty database in silence.
        raise StartupError(f"The folder {path.parent} of the database does not exist.")
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StartupError(f"Another process already serves the database {path.name}.") from None
    except OSError as error:
        raise StartupError(f"The folder of the database {path.name}: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()


def as_domain_error(error: DBAPIError) -> DomainError | None:
    """What a driver's error means to a client; None if it is a fault of the service itself."""
    match getattr(error.orig, "sqlite_errorcode", 0) & 0xFF:
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


def _engine(path: Path, pragmas: Sequence[str], **pool: Any) -> AsyncEngine:
    engine = create_async_engine(
        "sqlite+aiosqlite:///",
        async_creator=partial(_connect, path),
        hide_parameters=True,
        pool_reset_on_return=None,
        **pool,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "reset")
    def end_transaction(connection: Any, _record: object, _state: object) -> None:
        # A COMMIT that failed leaves its transaction open, which SQLAlchemy takes for ended.
        if connection.driver_connection.in_transaction:
            connection.rollback()

    return engine


async def _connect(path: Path) -> aiosqlite.Connection:
    def connect() -> sqlite3.Connection:
        # The driver begins no transaction of its own: BEGIN is ours to choose.
        return sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)

    connection = DRIVER(connect, iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001  # as SQLAlchemy does, or exit would hang
    return await connection


def _begin_immediate(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        if isinstance(driver, OneHopConnection):
            driver.begin_immediate()
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
