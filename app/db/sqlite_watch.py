"""Watches SQLite's file while it is served, and keeps its write-ahead log short."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import DBAPIError

from app.core.errors import DatabaseUnavailable
from app.db.sqlite_file import BUSY_TIMEOUT, SQLiteFile
from app.db.sqlite_writer import Writer

INTERVAL = 1.0
"""Seconds between two checks."""
LOG_KEPT = 16 * 2**20
"""Size in bytes to which SQLite truncates the log when it begins to overwrite it."""
LOG_LIMIT = 64 * 2**20
"""Bytes above which the service truncates the log, for which new readers wait."""
_READERS_WAIT = 0.5
"""Maximum seconds that new readers wait for earlier readers to finish."""
RETRY = 10.0
"""Seconds after which a delayed checkpoint is retried."""
_POLL = 0.005
_CHECKPOINT_TIMEOUT = 0.05
"""Seconds that a checkpoint waits for readers of other processes."""


class Watch:
    """Checks the file and the size of its log every second."""

    def __init__(self, file: SQLiteFile, writer: Writer, are_reading: Callable[[], bool]) -> None:
        self._file = file
        self._writer = writer
        self._are_reading = are_reading
        self._not_before = 0.0
        self.resumed = asyncio.Event()
        """Cleared while new readers wait."""
        self.resumed.set()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Watch until the block ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if not self._file.check():
                self._file.empty_log()

    async def _run(self) -> None:
        is_log_empty = False
        while True:
            await asyncio.sleep(INTERVAL)
            # A disk error or lock timeout is temporary, and the requests that it affects log it.
            with suppress(DBAPIError, sqlite3.Error, OSError, DatabaseUnavailable):
                if self._file.check():
                    is_log_empty = False
                    if self._file.log_bytes() > LOG_LIMIT:
                        await self._shorten_log()
                elif not is_log_empty:
                    is_log_empty = self._file.empty_log()

    async def _shorten_log(self) -> None:
        """Truncate the log, which requires a moment without readers; so new readers wait."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            return
        self.resumed.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_READERS_WAIT):
                    while self._are_reading():  # noqa: ASYNC110  # a pool has no event
                        await asyncio.sleep(_POLL)
            # If readers take longer, the checkpoint is retried: intake does not wait for them.
            if self._are_reading() or not await self._checkpoint():
                self._not_before = loop.time() + RETRY
        finally:
            self.resumed.set()

    async def _checkpoint(self) -> bool:
        """Write the log to the database file as the writer; return whether all was written."""
        async with self._writer.turn():
            driver = self._writer.driver
            await driver.execute_fetchall(f"PRAGMA busy_timeout = {_CHECKPOINT_TIMEOUT * 1000:.0f}")
            try:
                [result] = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                await driver.execute_fetchall(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")
            busy, pages, checkpointed = result
            return not busy and bool(pages == checkpointed)
