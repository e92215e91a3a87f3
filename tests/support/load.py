"""Concurrent requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx


def new_client(url: str, connections: int = 64) -> httpx.AsyncClient:
    """A client with a pool of this many connections, which waits two minutes for an answer.

    That is longer than a start of the service on a busy machine: a connection that waits to be
    accepted sends its request at once, and the service writes it even if the client has given up.
    """
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
        # A connection that a slow test leaves idle is opened again, before the server may close it.
        keepalive_expiry=2,
    )
    return httpx.AsyncClient(base_url=url, limits=limits, timeout=120)


async def at_once(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """The results of concurrent calls, in order."""
    return await asyncio.gather(*calls)


async def few_at_once(calls: Iterable[Awaitable[Any]], most: int = 8) -> list[Any]:
    """The results of calls, at most `most` of which run at once, in order.

    Closes and assignments commit one by one: on a slow disk, some of a hundred at once would time
    out.
    """
    free = asyncio.Semaphore(most)

    async def make(call: Awaitable[Any]) -> Any:
        async with free:
            return await call

    return await at_once(make(call) for call in calls)


async def keep_on(call: Callable[[], Awaitable[Any]], until: asyncio.Event) -> list[Any]:
    """The results of a call that is repeated until the event is set."""
    results = []
    while not until.is_set():
        results.append(await call())
    return results
