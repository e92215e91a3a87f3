"""The door to the database: sessions that read and sessions that write."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from random import random
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.errors import DatabaseUnavailable, RolledBack, SchemaOutdated
from app.core.postgres_url import is_postgres_url, parse_postgres_url
from app.db.backend import Backend
from app.db.migrate import head_revision, upgrade
from app.db.postgres import PostgreSQL
from app.db.sqlite import SQLite

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

RETRY_DELAYS = (0.02, 0.1)
"""Seconds, at most, before each retry; with jitter, so that two that collided do not again."""

# Connecting fails with the system's own errors, whatever the driver.
_FAILURES = (DBAPIError, PoolTimeout, OSError)


_is_quiet = ContextVar("is_quiet", default=False)


@contextmanager
def quiet(*, when: bool) -> Iterator[None]:
    """Keep out of the log what goes wrong in this block: its task has said so before."""
    token = _is_quiet.set(when)
    try:
        yield
    finally:
        _is_quiet.reset(token)


class ReadSession(AsyncSession):
    """A session on a connection that cannot write."""


class WriteSession(AsyncSession):
    """A session on the writing connection; the block that opened it commits it."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, expire_on_commit=False)
        self.committed: list[Callable[[], None]] = []

    def on_commit(self, call: Callable[[], None]) -> None:
        """Make this call once the transaction is committed, and none if it is rolled back."""
        self.committed.append(call)


def open_backend(url: str, readers: int) -> Backend:
    """The kind of database that a URL names; nothing is connected yet."""
    if is_postgres_url(url):
        return PostgreSQL(parse_postgres_url(url), readers)
    return SQLite(Path(make_url(url).database or ""), readers)


class Database:
    """The database at a URL: SQLite's file or PostgreSQL, with `readers` connections that read."""

    def __init__(self, url: str, readers: int = 4) -> None:
        self._backend = open_backend(url, readers)
        self.is_new = False
        """Whether `serving` has made the database or its schema just now."""

    @property
    def name(self) -> str:
        """What people know it by."""
        return self._backend.name

    @property
    def location(self) -> str:
        """Which of several of that name it is, by its folder or host."""
        return self._backend.location

    @property
    def serves_many(self) -> bool:
        """Whether several processes may serve it at once."""
        return self._backend.serves_many

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Bring the schema up to date, and close every connection in the end.

        Raises:
            StartupError: another process serves the file, or the database cannot be opened or
                migrated.

        """
        async with self._backend.serving():
            self.is_new = await upgrade(self._backend)
            head_revision()  # Known from here on, also when no file can be opened any more.
            yield

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """A session that reads; on PostgreSQL each of its statements is a transaction.

        Raises:
            DatabaseUnavailable: no connection in time, or no answer.

        """
        await self._backend.let_log_shrink()
        self._require_place()
        session = ReadSession(self._backend.readers)
        try:
            async with asyncio.timeout(self._backend.session_timeout):
                yield session
        except _FAILURES as error:
            self._explain(error)
            raise
        finally:
            # Not by the session's own block, which takes a task to close: there is nothing to save.
            await session.close()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """A session that writes: committed when the block ends, rolled back when it raises.

        Raises:
            DatabaseUnavailable: the turn or a lock did not come in time, or the connection was lost
                during COMMIT, when it is unknown whether it was done. Or the file was taken away.
            RolledBack: the transaction came to nothing, and may be tried again.
            StorageFull: there was no room; nothing was written.

        """
        self._require_place()
        committing = False
        try:
            async with (
                asyncio.timeout(self._backend.session_timeout),
                WriteSession(self._backend.writers) as session,
            ):
                yield session
                committing = True
                await session.commit()
                for call in session.committed:
                    call()
            if not self._backend.is_same_file():
                # It is committed to a file that the next start will not find.
                self._backend.look()
                raise DatabaseUnavailable
        except _FAILURES as error:
            self._explain(error, committing=committing)
            raise

    async def write(self, work: Callable[[WriteSession], Coroutine[Any, Any, Result]]) -> Result:
        """Do the work in a transaction, commit it, and retry it where the database rolls it back.

        The work awaits nothing but its session. On SQLite it runs in the connection's thread, and
        is committed there: a caller that is cancelled waits for it.

        Raises:
            RolledBack: it gave up every time.
            ServiceError: as `writing`, or what the work raises.

        """
        for pause in RETRY_DELAYS:
            try:
                return await self._write_once(work)
            except RolledBack:
                await asyncio.sleep(pause * random())
        return await self._write_once(work)

    async def _write_once(
        self, work: Callable[[WriteSession], Coroutine[Any, Any, Result]]
    ) -> Result:
        async with self.writing() as session:
            return await self._backend.run(work, session)

    async def require_current_schema(self) -> None:
        """Check that the database answers and has the schema of this version.

        Raises:
            DatabaseUnavailable: it does not answer, or its file was taken away.
            SchemaOutdated: another version's schema, or none.

        """
        if not self._backend.look():
            raise DatabaseUnavailable
        async with self.reading() as session:
            try:
                revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
            except DBAPIError as error:
                if self._backend.service_error(error) is None:
                    raise SchemaOutdated from error
                raise
        if revision != head_revision():
            raise SchemaOutdated

    def log_bytes(self) -> int | None:
        """The size of SQLite's write-ahead log; None on PostgreSQL, which keeps its own."""
        return self._backend.log_bytes()

    def _require_place(self) -> None:
        if self._backend.is_lost and not self._backend.look():
            raise DatabaseUnavailable

    def _explain(self, error: Exception, *, committing: bool = False) -> None:
        """Raise in its place what an error means to a client, if it means anything."""
        if isinstance(error, PoolTimeout):
            raise DatabaseUnavailable from error
        known = self._backend.service_error(error, committing=committing)
        if known is not None:
            # The client hears what it can do about it; what it was, the log says.
            if not _is_quiet.get():
                _log.warning("%s", self._backend.cause(error))
            self._backend.look()
            raise known from error
