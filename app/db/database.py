"""Access to the database: sessions that read and sessions that write."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.errors import DatabaseUnavailable, SchemaOutdated
from app.core.postgres_url import is_postgres_url, parse_postgres_url
from app.db.backend import Backend
from app.db.migrate import head_revision, upgrade
from app.db.postgres import PostgreSQL
from app.db.retry import retry_rolled_back
from app.db.session import ReadSession, WriteSession
from app.db.sqlite import SQLite

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

# With any driver, a failure to connect raises the system's own error; statements that run in the
# thread of a transaction raise SQLite's.
_FAILURES = (DBAPIError, sqlite3.Error, PoolTimeout, OSError)


_is_quiet = ContextVar("is_quiet", default=False)


@contextmanager
def quiet(*, when: bool) -> Iterator[None]:
    """If `when` is true, log no database failures in this block: its task has logged one."""
    token = _is_quiet.set(when)
    try:
        yield
    finally:
        _is_quiet.reset(token)


def open_backend(url: str, readers: int) -> Backend:
    """The backend for a URL; it is not connected yet."""
    if is_postgres_url(url):
        return PostgreSQL(parse_postgres_url(url), readers)
    return SQLite(Path(make_url(url).database or ""), readers)


class Database:
    """The database at a URL: SQLite's file or PostgreSQL, with `readers` read-only connections."""

    def __init__(self, url: str, readers: int = 4) -> None:
        self._backend = open_backend(url, readers)
        self.is_new = False
        """Whether `serving` has just created the database or its schema."""

    @property
    def name(self) -> str:
        """The name of the database in messages."""
        return self._backend.name

    @property
    def location(self) -> str:
        """The path or URL of the database, without user and password."""
        return self._backend.location

    @property
    def serves_many(self) -> bool:
        """Whether several processes may serve it at once."""
        return self._backend.serves_many

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Migrate the schema, and close all connections at the end.

        Raises:
            StartupError: another process serves the file, or the database cannot be opened or
                migrated.

        """
        async with self._backend.serving():
            self.is_new = await upgrade(self._backend)
            head_revision()  # Cached now: later the process may be unable to open files.
            yield

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """A session that reads; on PostgreSQL each of its statements is a transaction.

        Raises:
            DatabaseUnavailable: no connection was free in time, or the database did not answer.

        """
        await self._backend.let_log_shrink()
        self._require_file()
        session = ReadSession(self._backend.readers)
        try:
            async with asyncio.timeout(self._backend.session_timeout):
                yield session
        except _FAILURES as error:
            self._raise_service_error(error)
            raise
        finally:
            # `async with` would start a task to close the session, which has nothing to save.
            await session.close()

    async def read(self, work: Callable[[ReadSession], Coroutine[Any, Any, Result]]) -> Result:
        """Run work that reads and awaits nothing but its session.

        On SQLite it runs in the thread of a reader, together with other such work.

        Raises:
            DatabaseUnavailable: as `reading`.

        """
        group = self._backend.group_read
        if group is None:
            async with self.reading() as session:
                return await work(session)
        await self._backend.let_log_shrink()
        self._require_file()
        try:
            return await group.run(work)
        except _FAILURES as error:
            self._raise_service_error(error)
            raise

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """A session that writes: committed when the block ends, rolled back when it raises.

        Raises:
            DatabaseUnavailable: no connection or lock was free in time; or the connection was lost
                during COMMIT, whose outcome is then unknown; or the file was deleted or moved away.
            RolledBack: the database rolled the transaction back; the caller may retry it.
            StorageFull: the disk is full; nothing was written.

        """
        self._require_file()
        committing = False
        try:
            async with (
                asyncio.timeout(self._backend.session_timeout),
                self._backend.writing() as session,
            ):
                yield session
                committing = True
                await session.finish()
                for call in session.committed:
                    call()
            if not self._backend.files.are_same():
                # The commit went to a file that a restart will not find.
                self._backend.files.check()
                raise DatabaseUnavailable
        except _FAILURES as error:
            self._raise_service_error(error, committing=committing)
            raise

    @retry_rolled_back
    async def write(self, work: Callable[[WriteSession], Coroutine[Any, Any, Result]]) -> Result:
        """Run work in a transaction and commit it; retry it if the database rolls it back.

        The work awaits nothing but its session. On SQLite it runs and commits in the connection's
        thread: a caller that is cancelled waits for it.

        Raises:
            RolledBack: each attempt was rolled back.
            ServiceError: as `writing`, or what the work raises.

        """
        async with self.writing() as session:
            return await self._backend.run(work, session)

    async def require_current_schema(self) -> None:
        """Check that the database answers and has the schema of this version.

        Raises:
            DatabaseUnavailable: it does not answer, or its file was deleted or moved away.
            SchemaOutdated: the schema is of another version, or missing.

        """
        if not self._backend.files.check():
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
        """The size of SQLite's write-ahead log in bytes; None on PostgreSQL."""
        return self._backend.files.log_bytes()

    def _require_file(self) -> None:
        if self._backend.files.is_lost and not self._backend.files.check():
            raise DatabaseUnavailable

    def _raise_service_error(self, error: Exception, *, committing: bool = False) -> None:
        """Raise the error that the client receives instead; return if the service is at fault."""
        if isinstance(error, PoolTimeout):
            raise DatabaseUnavailable from error
        known = self._backend.service_error(error, committing=committing)
        if known is not None:
            # The client receives an error that it can act on; the log names the cause.
            if not _is_quiet.get():
                _log.warning("%s", self._backend.cause(error))
            self._backend.files.check()
            raise known from error
