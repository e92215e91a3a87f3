"""Samples a number every second."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

INTERVAL = 1
"""Seconds between two samples."""


@asynccontextmanager
async def sampling(read: Callable[[], float], keep: Callable[[float], None]) -> AsyncIterator[None]:
    """Read and keep a number every second until the block ends, then keep zero."""

    async def sample() -> None:
        while True:
            keep(read())
            await asyncio.sleep(INTERVAL)

    task = asyncio.create_task(sample())
    try:
        yield
    finally:
        task.cancel()
        keep(0)
