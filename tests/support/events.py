"""Waits for events in another thread, process or database."""

import asyncio
from collections.abc import Callable
from threading import Event

_DEADLINE = 60
"""Seconds; a few are usually enough."""


async def passing(event: Event) -> None:
    """Wait until an event is set, in a thread with or without an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        event.wait()
    while not event.is_set():  # noqa: ASYNC110  # asyncio's own events are for one thread alone
        await asyncio.sleep(0.001)


async def until(happened: Callable[[], bool]) -> None:
    """Poll a condition until it is true.

    Raises:
        TimeoutError: it was not true within a minute.

    """
    async with asyncio.timeout(_DEADLINE):
        while not happened():  # noqa: ASYNC110  # a database sets no event
            await asyncio.sleep(0.01)
