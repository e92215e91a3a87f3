"""Assignment of a queue is interrupted: the rest keeps its order, and is assigned later."""

import asyncio

import httpx
import pytest
from sqlalchemy import text

from app.background.stalled_queues import INTERVAL
from app.core.config import Settings
from app.main import create_app
from app.services.queue import CHUNK
from tests.faults.process import Service
from tests.support.api import Api
from tests.support.events import until
from tests.support.integrity import faults
from tests.support.kinds import only_sqlite
from tests.support.load import new_client
from tests.support.problems import read_problem
from tests.support.queues import given_out, queue_up, still_waiting
from tests.support.rows import Rows

MANY = 6 * CHUNK + 70
PAGES_FOR_ONE = 60
"""Enough pages for one transaction of the assignment, but not for all."""


@only_sqlite
@pytest.mark.parametrize("then", ["start", "retry", "wait"])
async def test_database_full_while_assigning(settings: Settings, rows: Rows, then: str) -> None:
    """The admin gets an error; the service assigns the rest, then what was queued since."""
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
            await session.execute(text(f"PRAGMA max_page_count = {pages + PAGES_FOR_ONE}"))
        refused = await client.patch(f"/operators/{operator}", json={"active": True})
        assigned = given_out(rows)
        async with app.state.database.writing() as session:
            await session.execute(text("PRAGMA max_page_count = 1000000"))
        queue.append((await api.post(source))["id"])
        if then == "retry":
            await api.update_operator(operator, active=True)
        if then == "wait":
            await until_nothing_waits(rows)
    if then == "start":
        async with app.router.lifespan_context(app):
            await until_nothing_waits(rows)

    read_problem(refused, 503, "storage_full")
    # Complete transactions: at least one, but not all.
    assert len(assigned) in range(CHUNK, MANY, CHUNK)
    assert queue[: len(assigned)] == assigned
    assert queue == given_out(rows)
    assert [] == still_waiting(rows)
    assert [] == faults(rows)


@pytest.mark.timeouts
@pytest.mark.heavy
async def test_database_locked_while_assigning(
    client: httpx.AsyncClient, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """The service continues in order once the lock is released, and logs the lock once."""
    operator, source, queue = await queue_without_operator(client, rows)
    activation = asyncio.create_task(client.patch(f"/operators/{operator}", json={"active": True}))
    await until(lambda: bool(given_out(rows)))
    rows.lock()
    refused = await activation
    # Until the activation and the background task have each logged the lock.
    await until(lambda: sum("database" in record.name for record in caplog.records) > 1)
    warnings = len(caplog.records)
    await asyncio.sleep(2 * INTERVAL)
    warnings_later = len(caplog.records)
    rows.rollback()
    queue.append((await Api(client).post(source))["id"])
    await until_nothing_waits(rows)

    read_problem(refused, 503, "database_unavailable")
    assert warnings == warnings_later
    assert queue == given_out(rows)
    assert [] == faults(rows)


async def test_request_cancelled_while_assigning(client: httpx.AsyncClient, rows: Rows) -> None:
    """If the client disconnects, the service assigns the rest."""
    operator, _, queue = await queue_without_operator(client, rows)
    activation = asyncio.create_task(client.patch(f"/operators/{operator}", json={"active": True}))
    await until(lambda: bool(given_out(rows)))
    activation.cancel()
    await asyncio.wait({activation})
    await until_nothing_waits(rows)

    assert queue == given_out(rows)
    assert [] == faults(rows)


async def test_stalled_queue_at_its_limit_is_not_assigned(api: Api, rows: Rows) -> None:
    """Of two stalled queues, the one whose operator is at its limit keeps waiting."""
    full, free = [await api.create_operator(load_limit=limit) for limit in (0, 2)]
    sources = [
        await api.create_source({operator: 1}, enforce_load_limit=True) for operator in (full, free)
    ]
    full_queue, free_queue = [queue_up(rows, 3, source) for source in sources]
    await until(lambda: len(given_out(rows)) > 1)

    assert free_queue[:2] == given_out(rows)
    assert [*full_queue, free_queue[2]] == still_waiting(rows)


async def queue_without_operator(
    client: httpx.AsyncClient, rows: Rows
) -> tuple[int, int, list[int]]:
    """Create an inactive operator and its source; returns their ids and those of its queue."""
    operator = await Api(client).create_operator(active=False)
    source = await Api(client).create_source({operator: 1})
    return operator, source, queue_up(rows, MANY, source)


async def until_nothing_waits(rows: Rows) -> None:
    """Wait until no interaction waits."""
    await until(lambda: not still_waiting(rows))


@pytest.mark.heavy
async def test_service_killed_while_assigning(service: Service, rows: Rows) -> None:
    """After a restart, all interactions are assigned once and in order."""
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
    assigned = given_out(rows)
    await service.start()
    await until_nothing_waits(rows)

    assert len(assigned) in range(CHUNK, 40 * CHUNK, CHUNK)
    assert queue[: len(assigned)] == assigned
    assert queue == given_out(rows)
    assert [] == still_waiting(rows)
    assert [] == faults(rows)
    assert "" == service.log
