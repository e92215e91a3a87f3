"""A drain cut short: what is left keeps its order, and goes out later."""

import asyncio

import httpx
import pytest
from sqlalchemy import text

from app.core.config import Settings
from app.main import create_app
from app.services.queue import CHUNK
from tests.faults.process import Service
from tests.support.api import Api
from tests.support.integrity import faults
from tests.support.kinds import only_sqlite
from tests.support.load import new_client
from tests.support.problems import read_problem
from tests.support.queues import given_out, queue_up, still_waiting
from tests.support.rows import Rows

MANY = 6 * CHUNK + 70
PAGES_FOR_THE_FIRST = 60
"""Room for one transaction of the drain and not for all."""


@only_sqlite
@pytest.mark.parametrize("then", ["start", "retry"])
async def test_no_room_in_mid_drain(settings: Settings, rows: Rows, then: str) -> None:
    """The admin hears of it; what came since waits behind the rest, until a retry or a start."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        api = Api(client)
        operator = await api.create_operator(active=False)
        source = await api.create_source({operator: 1})
        queue = queue_up(rows, MANY, source)
        async with app.state.database.writing() as session:
            pages = await session.scalar(text("PRAGMA page_count"))
            await session.execute(text(f"PRAGMA max_page_count = {pages + PAGES_FOR_THE_FIRST}"))
        refused = await client.patch(f"/operators/{operator}", json={"active": True})
        given = given_out(rows)
        async with app.state.database.writing() as session:
            await session.execute(text("PRAGMA max_page_count = 1000000"))
        queue.append((await api.post(source))["id"])
        waited = still_waiting(rows)
        if then == "retry":
            await api.update_operator(operator, active=True)
    if then == "start":
        async with app.router.lifespan_context(app):
            pass

    read_problem(refused, 503, "storage_full")
    # Whole transactions, and neither none nor all.
    assert len(given) in range(CHUNK, MANY, CHUNK)
    assert queue[: len(given)] == given
    assert queue[len(given) :] == waited
    assert queue == given_out(rows)
    assert [] == still_waiting(rows)
    assert [] == faults(rows)


@pytest.mark.heavy
async def test_killed_in_mid_drain(service: Service, rows: Rows) -> None:
    """After the next start nothing waits any more, and all went out once, in order."""
    async with new_client(service.url) as client:
        api = Api(client)
        operators = [await api.create_operator(active=False) for _ in range(2)]
        source = await api.create_source(dict.fromkeys(operators, 1))
        queue = queue_up(rows, 40 * CHUNK, source)
        activation = asyncio.create_task(
            client.patch(f"/operators/{operators[0]}", json={"active": True})
        )
        while not given_out(rows):
            await client.get("/healthz")
        service.kill()
        with pytest.raises(httpx.TransportError):
            await activation
    given = given_out(rows)
    await service.start()

    assert len(given) in range(CHUNK, 40 * CHUNK, CHUNK)
    assert queue[: len(given)] == given
    assert queue == given_out(rows)
    assert [] == still_waiting(rows)
    assert [] == faults(rows)
    assert "" == service.log
