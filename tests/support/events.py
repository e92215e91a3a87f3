"""Waiting for what happens in another thread."""

import asyncio
from threading import Event


async def passing(event: Event) -> None:
    """Wait until an event is set, in a thread with an event loop or in one without."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        event.wait()
    while not event.is_set():  # noqa: ASYNC110  # asyncio's own events are for one thread alone
        await asyncio.sleep(0.001)
