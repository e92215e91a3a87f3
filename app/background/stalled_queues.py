"""Gives out queues that stand still though an operator is available.

An event that frees capacity gives out what waits by itself. Its process may be cut short in the
middle: by a lock, a full disk, a lost database, its own end. Then this goes on, in the same process
or in another one.
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
"""Seconds between two looks."""
STALL = 1
"""Seconds without a move after which a queue is taken for one that no process gives out."""
LONGEST_SHARE = 0.1
"""The part of its time that it looks at most, where there are very many queues."""


@asynccontextmanager
async def giving_out_stalled_queues(database: Database) -> AsyncIterator[None]:
    """Look every few seconds until the block ends; a transaction that is open then is ended."""
    task = asyncio.create_task(_keep_looking(database))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _keep_looking(database: Database) -> None:
    failed = False
    while True:
        begin = perf_counter()
        seconds = 0.0
        try:
            # What is wrong is said once, and not again before it is over.
            with quiet(when=failed):
                oldest = await find_available(database)
                seconds = perf_counter() - begin
                if oldest:
                    await asyncio.sleep(STALL)
                    await assign_remaining(database, await find_stalled(database, oldest))
            failed = False
        except ServiceError:
            failed = True
        except Exception:  # noqa: BLE001  # whatever it is, the next look may succeed
            if not failed:
                _log.exception("the queues cannot be given out")
            failed = True
        await asyncio.sleep(max(INTERVAL, seconds / LONGEST_SHARE))
