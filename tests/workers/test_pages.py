"""A client that pages by the last id it has seen gets every row, from all processes."""

import asyncio
from itertools import cycle

import httpx
import pytest

from tests.support.api import Api
from tests.support.load import at_once
from tests.support.rows import Rows
from tests.workers.processes import Workers

pytestmark = pytest.mark.heavy

BOTS = 24
INQUIRIES = 40
"""From each bot."""
EMAIL = "lead@example.com"


async def test_no_row_is_missed(
    clients: list[httpx.AsyncClient], workers: Workers, rows: Rows
) -> None:
    """Bots write through all processes while clients poll for new rows."""
    api = Api(clients[0])
    sources = [await api.create_source() for _ in range(6)]
    first = await api.post(sources[0], EMAIL)
    paths = [
        "/interactions?limit=1000",
        "/interactions?limit=1000&is_active=true",
        f"/leads/{first['lead_uuid']}/interactions?limit=1000",
    ]
    finished = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        polls = [
            group.create_task(page_through(client, path, finished))
            for client, path in zip(clients[1:], paths, strict=True)
        ]
        bots = zip(range(BOTS), cycle(clients), cycle(sources), strict=False)
        await at_once(send(client, source, INQUIRIES) for _, client, source in bots)
        finished.set()

    ids = [id for (id,) in rows.execute("SELECT id FROM interactions ORDER BY id")]
    assert BOTS * INQUIRIES + 1 == len(ids)
    assert [ids] * len(polls) == [poll.result() for poll in polls]
    assert "" == workers.log


async def send(client: httpx.AsyncClient, source: int, times: int) -> None:
    """Send inquiries one after the other."""
    for _ in range(times):
        await Api(client).post(source, EMAIL)


async def page_through(client: httpx.AsyncClient, path: str, finished: asyncio.Event) -> list[int]:
    """The ids on all pages, each requested after the last id of the previous page."""
    seen = [0]
    while True:
        is_last = finished.is_set()
        page = (await client.get(f"{path}&after={seen[-1]}")).json()
        seen += [row["id"] for row in page]
        if is_last and not page:
            return seen[1:]
