"""The load: bots that send inquiries over HTTP, and record requests and answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

import httpx

from tests.faults.history import Answer, History, Intent
from tests.support.api import Api
from tests.support.load import keep_on, new_client

SESSION_TIMEOUT = 60
"""Seconds for which bots retry requests after they have stopped sending new inquiries."""
PAUSE = 0.05
"""Seconds before a retry."""
RECOVERY_TIMEOUT = 60
"""Seconds after a fault within which all requests are answered 201 again."""
_random = Random()


async def set_up(url: str) -> list[int]:
    """Create four sources: two with operators, some of which are out of rotation, and one without.

    The fourth enforces a limit, which is soon reached.

    Returns:
        The ids of the sources.

    """
    async with new_client(url) as client:
        api = Api(client)
        maria, ivan, olga = [await api.create_operator(name) for name in ("Maria", "Ivan", "Olga")]
        inactive = await api.create_operator("Boris", active=False)
        limited = await api.create_operator("Vera", load_limit=5)
        sources = [
            await api.create_source({maria: 5, ivan: 1, olga: 0, inactive: 3}),
            await api.create_source({olga: 1}),
            await api.create_source(),
            await api.create_source({limited: 1, inactive: 1}),
        ]
        await api.call("PATCH", f"/sources/{sources[-1]}", json={"enforce_load_limit": True})
        return sources


@asynccontextmanager
async def bots_at_work(
    url: str, history: History, sources: Sequence[int], bots: int = 8
) -> AsyncIterator[None]:
    """Bots send until the block ends, then retry requests with a key until they are answered."""
    finished = asyncio.Event()

    async def work(client: httpx.AsyncClient) -> None:
        while not finished.is_set():
            await _deliver(client, history, new_inquiry(_random.choice(sources)))

    async with (
        asyncio.timeout(None) as timeout,
        new_client(url, bots) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(bots):
            group.create_task(work(client))
        yield
        finished.set()
        timeout.reschedule(asyncio.get_running_loop().time() + SESSION_TIMEOUT)


async def recovered(history: History) -> None:
    """Wait until the last twenty answers are 201.

    Raises:
        TimeoutError: they are not within `RECOVERY_TIMEOUT`.

    """
    async with asyncio.timeout(RECOVERY_TIMEOUT):
        while {answer.status for answer in history.answers()[-20:]} != {201}:  # noqa: ASYNC110  # a file
            await asyncio.sleep(0.2)


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[list[httpx.Response]]:
    """Staff read until the block ends; the list then has the answers."""
    finished = asyncio.Event()
    answers: list[httpx.Response] = []
    async with new_client(url) as client:
        task = asyncio.create_task(keep_on(lambda: client.get("/interactions?limit=5"), finished))
        yield answers
        finished.set()
        answers += await task


def new_inquiry(source_id: int) -> Intent:
    """A unique inquiry; every second one has a key, every third is from a returning lead."""
    marker = uuid4().hex
    email = f"New-{marker}@example.com"
    if _random.random() < 1 / 3:
        email = _random.choice(["Regular{}@Example.com", "regular{}@example.COM"]).format(
            _random.randrange(20)
        )
    payload = {
        "text": "\u0416\U0001f600" * _random.randrange(200),
        "marker": marker,
        "numbers": [1, 1.0, -0.0, 10**30, _random.random()],
    }
    key = f"key-{marker}" if _random.random() < 1 / 2 else None
    return Intent(marker, email, source_id, payload, key)


async def _deliver(client: httpx.AsyncClient, history: History, inquiry: Intent) -> None:
    """Send an inquiry, and retry it on a 5xx or a lost connection if it has a key."""
    while True:
        status = await _send(client, history, inquiry)
        if status is not None and status < 500:
            return
        await asyncio.sleep(PAUSE)
        if inquiry.key is None:
            return


async def _send(client: httpx.AsyncClient, history: History, inquiry: Intent) -> int | None:
    history.write(inquiry)
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        response = await client.post(
            "/interaction",
            json={
                "email": inquiry.email,
                "source_id": inquiry.source_id,
                "payload": inquiry.payload,
            },
            headers={} if inquiry.key is None else {"Idempotency-Key": inquiry.key},
        )
    except httpx.TransportError:
        return None
    history.write(
        Answer(
            inquiry.marker,
            response.status_code,
            response.json(),
            replayed="Idempotent-Replayed" in response.headers,
            retry_after=response.headers.get("Retry-After"),
            seconds=loop.time() - start,
        )
    )
    return response.status_code
