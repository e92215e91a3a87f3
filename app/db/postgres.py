"""PostgreSQL: connection pools, timeouts, and the meaning of its errors."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it comes without types
from sqlalchemy import ExceptionContext, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, NullPool

from app.core.errors import (
    DatabaseUnavailable,
    RolledBack,
    SchemaOutdated,
    ServiceError,
    StorageFull,
)
from app.core.postgres_url import PostgresURL
from app.db.backend import Backend, Files, original
from app.db.id_order import KNOWN
from app.db.postgres_session import READ_ONLY, open_session
from app.db.postgres_start import inspect
from app.db.postgres_transaction import DriverSession
from app.db.session import WriteSession

WRITERS = 4
"""Connections that write: one for intake, the others for requests of staff and admins."""
SESSION_TIMEOUT = 2.5
"""Seconds for a session, including the wait for its connection. SQLAlchemy may take two more to
close a connection that does not answer, so a session ends within five."""
LOCK_TIMEOUT = 1.5
"""Seconds that PostgreSQL waits for a lock on a row or table."""
IDLE_TIMEOUT = 10
"""Seconds after which PostgreSQL ends a frozen process's session and releases its locks."""

_MIGRATION_LOCK = 0x1EAD
"""The key of the advisory lock for schema changes; an arbitrary number."""

_PLANS = {
    # Compiling takes longer than any of the service's short statements.
    "jit": "off",
    # PostgreSQL caches plans. One made while a table is small scans the whole table as it grows,
    # until an ANALYZE: after half a minute the rate was a third. All tables that grow have indexes.
    "enable_seqscan": "off",
}

_WRITES = {
    # By default PostgreSQL plans a statement with arrays at each execution, which takes longer than
    # executing it.
    "plan_cache_mode": "force_generic_plan",
    # As with enable_seqscan: a batch looks up its own rows, and does not read a whole table.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

_ROLLED_BACK = ("40001", "40P01")
"""Serialization failure, deadlock: PostgreSQL has rolled the transaction back."""
_UNAVAILABLE = (
    "08",  # connection lost or refused
    "25006",  # read-only: a standby, or a read-only session
    "28",  # authentication failed
    "3D000",  # no such database
    "53",  # out of connections or memory
    "55P03",  # lock timeout
    "57",  # shut down, starting up, statement timeout
    "58",  # I/O error
)
_FULL = "53100"
_NO_TABLE = "42P01"
"""The database was replaced by an empty one, or never migrated."""


class PostgreSQL(Backend):
    """A database that any number of processes can serve at once.

    Sessions that read have connections of their own, as on SQLite, and continue while all sessions
    that write wait for a lock. Each of their statements is a transaction: BEGIN and ROLLBACK took
    two fifths of a page's time, and under READ COMMITTED each statement sees the latest state.
    """

    serves_many = True
    files = Files()

    def __init__(self, url: PostgresURL, readers: int) -> None:
        self.name = url.database
        self.location = url.location
        self.session_timeout = SESSION_TIMEOUT
        self._url = url
        self.readers = self._pool(readers, READ_ONLY, isolation_level="AUTOCOMMIT")
        self._writers = self._pool(WRITERS, _WRITES)
        _read_in_order(self.readers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.readers.dispose()
            await self._writers.dispose()

    def writing(self) -> AbstractAsyncContextManager[WriteSession]:
        return DriverSession(self._writers)

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        await inspect(self._url, writes=True)
        engine = self._engine({}, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
                )
                yield connection
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        await inspect(self._url, writes=False)
        engine = self._engine(READ_ONLY, poolclass=NullPool, isolation_level="REPEATABLE READ")
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    def service_error(self, error: Exception, *, committing: bool = False) -> ServiceError | None:
        if not isinstance(error, DBAPIError):
            return DatabaseUnavailable()
        state = _state(error)
        if state in _ROLLED_BACK:
            return RolledBack()
        if state == _FULL:
            return StorageFull()
        if state == _NO_TABLE:
            return SchemaOutdated()
        if error.connection_invalidated:
            # The server rolls an open transaction back. Whether it received a COMMIT is unknown,
            # and a retry might repeat the work.
            return DatabaseUnavailable() if committing else RolledBack()
        return DatabaseUnavailable() if state.startswith(_UNAVAILABLE) else None

    def cause(self, error: Exception) -> str:
        return f"PostgreSQL error: {type(original(error)).__name__}"

    def _pool(self, size: int, settings: dict[str, str], **options: Any) -> AsyncEngine:
        engine = self._engine(
            _timeouts() | _PLANS | settings,
            SESSION_TIMEOUT,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=SESSION_TIMEOUT,
            **options,
        )

        @event.listens_for(engine.sync_engine, "handle_error")
        def redact_values(context: ExceptionContext) -> None:
            # The detail of the error quotes values, and a traceback would show it.
            driver_error = context.original_exception.__cause__
            if isinstance(driver_error, asyncpg.PostgresError):
                driver_error.detail = None

        @event.listens_for(engine.sync_engine, "checkout")
        def replace_if_closed(connection: Any, _record: object, _fairy: object) -> None:
            # The server closes it when it restarts; this check takes no round trip.
            if connection.driver_connection.is_closed():
                raise DisconnectionError

        return engine

    def _engine(
        self, settings: dict[str, str], at_most: float | None = None, **options: Any
    ) -> AsyncEngine:
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=partial(open_session, self._url, settings, at_most),
            hide_parameters=True,
            **options,
        )


def _timeouts() -> dict[str, str]:
    return {
        "lock_timeout": f"{LOCK_TIMEOUT}s",
        "statement_timeout": f"{SESSION_TIMEOUT}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT}s",
    }


def _read_in_order(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def reset_known_id(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[KNOWN] = 0


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
