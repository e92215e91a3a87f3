"""The load: bots that send inquiries over HTTP, and write down what they do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from uuid import uuid4

import httpx

from tests.faults.history import Answer, History, Intent
from tests.support.api import Api
from tests.support.load import keep_on, new_client

PATIENCE = 60
"""Seconds that bots go on asking for an answer once they take no new inquiries."""
PAUSE = 0.05
"""Seconds before a request is sent again."""
RECOVERY_TIMEOUT = 60
"""Seconds after a fault until all is taken again, on a machine however busy."""
_random = Random()


async def set_up(url: str) -> list[int]:
    """Sources of every kind: two with operators, some of them out of rotation, one with none.

    The fourth enforces a limit, which is soon reached.

    Returns:
        The ids of the sources.

    """
    async with new_client(url) as client:
        api = Api(client)
        maria, ivan, olga = [await api.create_operator(name) for name in ("Maria", "Ivan", "Olga")]
        away = await api.create_operator("Boris", active=False)
        limited = await api.create_operator("Vera", load_limit=5)
        sources = [
            await api.create_source({maria: 5, ivan: 1, olga: 0, away: 3}),
            await api.create_source({olga: 1}),
            await api.create_source(),
            await api.create_source({limited: 1, away: 1}),
        ]
        await api.call("PATCH", f"/sources/{sources[-1]}", json={"enforce_load_limit": True})
        return sources


@asynccontextmanager
async def bots_at_work(
    url: str, history: History, sources: Sequence[int], bots: int = 8
) -> AsyncIterator[None]:
    """Bots send while the block runs; then those with a key ask on until they are answered."""
    finished = asyncio.Event()

    async def work(client: httpx.AsyncClient) -> None:
        while not finished.is_set():
            await _deliver(client, history, new_inquiry(_random.choice(sources)))

    async with (
        asyncio.timeout(None) as patience,
        new_client(url, bots) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(bots):
            group.create_task(work(client))
        yield
        finished.set()
        patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)


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
    """Staff reads while the block runs; the answers are in the list after it."""
    finished = asyncio.Event()
    answers: list[httpx.Response] = []
    async with new_client(url) as client:
        task = asyncio.create_task(keep_on(lambda: client.get("/interactions?limit=5"), finished))
        yield answers
        finished.set()
        answers += await task


def new_inquiry(source_id: int) -> Intent:
    """An inquiry like no other; every second has a key, every third is of a lead known before."""
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
    """Send an inquiry until it is answered for good; one without a key only once."""
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
