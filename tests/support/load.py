"""Many requests at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx


def new_client(url: str, connections: int = 64) -> httpx.AsyncClient:
    """A client that opens as many connections as asked, and waits patiently."""
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
        # Well before the server closes an idle one: after five seconds either might be first.
        keepalive_expiry=2,
    )
    return httpx.AsyncClient(base_url=url, limits=limits, timeout=30)


async def at_once(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """The results of calls that run side by side, in order."""
    return await asyncio.gather(*calls)


async def few_at_once(calls: Iterable[Awaitable[Any]], most: int = 8) -> list[Any]:
    """The results of calls of which only so many run side by side, in order.

    Closes and moves commit one by one: a hundred at once take longer than each of them waits where
    the disk is slow.
    """
    free = asyncio.Semaphore(most)

    async def make(call: Awaitable[Any]) -> Any:
        async with free:
            return await call

    return await at_once(make(call) for call in calls)


async def keep_on(call: Callable[[], Awaitable[Any]], until: asyncio.Event) -> list[Any]:
    """The results of a call that is made again and again until the event is set."""
    results = []
    while not until.is_set():
        results.append(await call())
    return results
