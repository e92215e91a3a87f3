"""PostgreSQL: pools, time limits, what its errors mean."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it comes without types
from sqlalchemy import ExceptionContext, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, NullPool

from app.core.errors import (
    DatabaseUnavailable,
    DomainError,
    RolledBack,
    SchemaOutdated,
    StorageFull,
)
from app.core.postgres_url import PostgresURL
from app.db.backend import Backend, original
from app.db.id_order import KNOWN
from app.db.postgres_session import READ_ONLY, open_session
from app.db.postgres_start import inspect

WRITERS = 4
"""Connections that write: one for intake, the others for what staff and admins do meanwhile."""
PATIENCE = 2.5
"""Seconds for a session, waiting for its connection included; SQLAlchemy gives a connection that
does not answer two more to close, which together stays within five."""
LOCK_TIMEOUT = 1.5
"""Seconds that PostgreSQL itself waits for a row or table that another session holds."""
IDLE_TIMEOUT = 10
"""Seconds after which a frozen process loses its transaction, and with it the locks it holds."""

_LOCK_OF_MIGRATIONS = 0x1EAD
"""The advisory lock of whoever changes the schema; any number would do."""

_LIMITS = {
    "lock_timeout": f"{LOCK_TIMEOUT}s",
    "statement_timeout": f"{PATIENCE}s",
    "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT}s",
    # Compiling takes longer than any of the service's short statements.
    "jit": "off",
    # Plans are kept, and one made for a small table would read all of it as it grows, until
    # somebody analyzes it: a third of the speed after half a minute. All that grows has an index.
    "enable_seqscan": "off",
}

_WRITES = {
    # Else it plans statements with lists anew each time, which took longer than running them.
    "plan_cache_mode": "force_generic_plan",
    # As with seqscan: a batch looks up its own rows, and never reads all there are to join them.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

_ROLLED_BACK = ("40001", "40P01")
"""Serialization failure, deadlock: PostgreSQL itself has undone the transaction."""
_UNAVAILABLE = (
    "08",  # connection lost or refused
    "25006",  # read-only: a standby, or a session that only reads
    "28",  # not let in
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
    """A database that any number of processes serve at once.

    Sessions that read have connections of their own, as on SQLite, and go on while all who write
    wait for a lock. Each of their statements is a transaction: BEGIN and ROLLBACK took two fifths
    of a page's time, and under READ COMMITTED each statement sees the newest state anyway.
    """

    serves_many = True
    patience = PATIENCE

    def __init__(self, url: PostgresURL, readers: int) -> None:
        self.name = url.database
        self.location = url.location
        self._url = url
        self.readers = self._pool(readers, _LIMITS | READ_ONLY, isolation_level="AUTOCOMMIT")
        self.writers = self._pool(WRITERS, _LIMITS | _WRITES)
        _list_in_order(self.readers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.readers.dispose()
            await self.writers.dispose()

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        await inspect(self._url, writes=True)
        engine = self._engine({}, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_OF_MIGRATIONS}
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

    def domain_error(self, error: Exception, *, committing: bool = False) -> DomainError | None:
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
            # The server rolls back what is left open. Whether a COMMIT arrived cannot be known, and
            # doing the same again might do it twice.
            return DatabaseUnavailable() if committing else RolledBack()
        return DatabaseUnavailable() if state.startswith(_UNAVAILABLE) else None

    def cause(self, error: Exception) -> str:
        return f"PostgreSQL: {type(original(error)).__name__}"

    def _pool(self, size: int, settings: dict[str, str], **options: Any) -> AsyncEngine:
        engine = self._engine(
            settings,
            PATIENCE,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=size,
            max_overflow=0,
            pool_timeout=PATIENCE,
            **options,
        )

        @event.listens_for(engine.sync_engine, "handle_error")
        def keep_values_out(context: ExceptionContext) -> None:
            # Its details are the values at fault, which a traceback would show.
            driver_error = context.original_exception.__cause__
            if isinstance(driver_error, asyncpg.PostgresError):
                driver_error.detail = None

        @event.listens_for(engine.sync_engine, "checkout")
        def replace_if_closed(connection: Any, _record: object, _fairy: object) -> None:
            # After a restart of the server: known without asking it, which takes a round trip.
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


def _list_in_order(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def nothing_is_known(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[KNOWN] = 0


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
