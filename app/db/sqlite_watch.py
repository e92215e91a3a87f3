"""Watches SQLite's file while it is served, and keeps its write-ahead log short."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from app.core.errors import DatabaseUnavailable
from app.db.sqlite_file import BUSY_TIMEOUT, SQLiteFile

INTERVAL = 1.0
"""Seconds between two looks."""
LOG_KEPT = 16 * 2**20
"""Bytes to which SQLite itself cuts the log when it begins it from the start."""
LOG_LIMIT = 64 * 2**20
"""Bytes from which on readers are kept from holding the log."""
_READERS_WAIT = 0.5
"""Seconds that new readers wait at most for those before them, and for the checkpoint."""
RETRY = 10.0
"""Seconds after which a checkpoint that was held up is tried again."""
_POLL = 0.005
_CHECKPOINT_TIMEOUT = 0.05
"""Seconds that the writer waits in a checkpoint for other processes' readers."""


class Watch:
    """Looks at the file and at the size of its log, each second."""

    def __init__(self, file: SQLiteFile, writers: AsyncEngine, readers: AsyncEngine) -> None:
        self._file = file
        self._writers = writers
        self._readers = readers
        self._not_before = 0.0
        self.resumed = asyncio.Event()
        """Clear while new readers wait."""
        self.resumed.set()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Watch until the block ends."""
        task = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if not self._file.look():
                self._file.leave_log()

    async def _go_on(self) -> None:
        is_left = False
        while True:
            await asyncio.sleep(INTERVAL)
            # An outage of the disk or of the lock ends, and the requests log it.
            with suppress(DBAPIError, PoolTimeout, OSError, DatabaseUnavailable):
                if self._file.look():
                    is_left = False
                    if self._file.log_bytes() > LOG_LIMIT:
                        await self._shorten_log()
                elif not is_left:
                    is_left = self._file.leave_log()

    async def _shorten_log(self) -> None:
        """Empty the log, which takes a moment without readers; those that overlap leave none."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            return
        self.resumed.clear()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_READERS_WAIT):
                    while self._are_reading():  # noqa: ASYNC110  # a pool has no event
                        await asyncio.sleep(_POLL)
            # Where readers take longer, it is tried again: intake does not wait for them.
            if self._are_reading() or not await self._checkpoint():
                self._not_before = loop.time() + RETRY
        finally:
            self.resumed.set()

    def _are_reading(self) -> bool:
        return cast("AsyncAdaptedQueuePool", self._readers.pool).checkedout() > 0

    async def _checkpoint(self) -> bool:
        """Bring the log into the database file in the writer's turn; says whether all of it was."""
        async with self._writers.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute_fetchall(f"PRAGMA busy_timeout = {_CHECKPOINT_TIMEOUT * 1000:.0f}")
            try:
                [result] = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                await driver.execute_fetchall(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")
            busy, pages, brought_in = result
            return not busy and bool(pages == brought_in)
