"""Assigns interactions from queues that stalled although an operator is available.

The request that frees capacity also assigns waiting interactions. A lock timeout, a full disk, an
unavailable database or the exit of its process can interrupt it. This task then continues, in the
same process or in another one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

from app.core.errors import ServiceError
from app.db.database import Database, quiet
from app.services.queue import assign_remaining, find_available, find_stalled

_log = logging.getLogger(__name__)

INTERVAL = 2
"""Seconds before each check."""
STALL = 1
"""Seconds without an assignment after which a queue counts as stalled."""
LONGEST_SHARE = 0.1
"""Maximum fraction of its time that the task spends on checks, however many queues there are."""


@asynccontextmanager
async def assigning_stalled_queues(database: Database) -> AsyncIterator[None]:
    """Check every few seconds until the block ends, which waits for an open transaction."""
    task = asyncio.create_task(_check_repeatedly(database))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _check_repeatedly(database: Database) -> None:
    failed = False
    seconds = 0.0
    while True:
        await asyncio.sleep(max(INTERVAL, seconds / LONGEST_SHARE))
        begin = perf_counter()
        seconds = 0.0
        try:
            # After the first failure, nothing is logged until a check succeeds.
            with quiet(when=failed):
                oldest = await find_available(database)
                seconds = perf_counter() - begin
                if oldest:
                    await asyncio.sleep(STALL)
                    await assign_remaining(database, await find_stalled(database, oldest))
            failed = False
        except ServiceError:
            failed = True
        except Exception:  # noqa: BLE001  # the next check may succeed after any failure
            if not failed:
                _log.exception("the background task could not assign stalled queues")
            failed = True
