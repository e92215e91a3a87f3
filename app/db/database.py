"""The door to the database: sessions that read and sessions that write."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import DatabaseUnavailable, SchemaOutdated
from app.db import sqlite
from app.db.migrate import head_revision, upgrade

_log = logging.getLogger(__name__)


class ReadSession(AsyncSession):
    """A session on a connection that cannot write."""


class WriteSession(AsyncSession):
    """A session on the writing connection; the block that opened it commits it."""


class Database:
    """One SQLite file: a single writing connection beside a pool of reading ones."""

    def __init__(self, url: str, readers: int = 4) -> None:
        self.path = Path(make_url(url).database or "").resolve()
        self._writer = sqlite.writer_engine(self.path)
        self._readers = sqlite.reader_engine(self.path, readers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Lock the file, bring its schema up to date, and close every connection in the end.

        Raises:
            StartupError: another process serves the file, or it cannot be opened or migrated.

        """
        with sqlite.lock_for_this_process(self.path):
            await upgrade(self.path)
            try:
                yield
            finally:
                # The writer goes last: whoever closes last checkpoints, and only the writer may.
                await self._readers.dispose()
                await self._writer.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """A session that reads.

        Raises:
            DatabaseUnavailable: no connection within `sqlite.TURN_TIMEOUT` seconds, or no answer.

        """
        session = ReadSession(self._readers)
        try:
            yield session
        except (DBAPIError, PoolTimeout) as error:
            raise _domain_error(error) from error
        finally:
            # Not by the session's own block, which takes a task to close: there is nothing to save.
            await session.close()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """A session that writes, alone: committed when the block ends, rolled back when it raises.

        Raises:
            DatabaseUnavailable: the turn or the lock did not come within five seconds.
            StorageFull: there was no room; nothing was written.

        """
        try:
            async with (
                WriteSession(self._writer, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        except (DBAPIError, PoolTimeout) as error:
            raise _domain_error(error) from error

    async def require_current_schema(self) -> None:
        """Check that the database answers and has the schema of this version.

        Raises:
            DatabaseUnavailable: it does not answer.
            SchemaOutdated: another version's schema, or none.

        """
        async with self.reading() as session:
            try:
                revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
            except OperationalError as error:
                if sqlite.as_domain_error(error) is None:
                    raise SchemaOutdated from error
                raise
        if revision != head_revision():
            raise SchemaOutdated


def _domain_error(error: DBAPIError | PoolTimeout) -> Exception:
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable()
    known = sqlite.as_domain_error(error)
    if known is None:
        return error
    # The client hears what it can do about it; what it was, the log says.
    _log.warning("SQLite: %s", getattr(error.orig, "sqlite_errorname", error.orig))
    return known
