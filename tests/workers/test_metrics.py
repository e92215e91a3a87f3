"""Metrics of several processes: each process reports them for all."""

import asyncio
import os
import signal
from contextlib import suppress

import httpx
import pytest

from tests.support.api import Api
from tests.support.metrics import Samples, parse
from tests.support.rows import Rows
from tests.workers.processes import Workers

pytestmark = pytest.mark.heavy

POSTED = ("http_request_duration_seconds_count", "POST", "/interaction", "201")


async def scrape(client: httpx.AsyncClient) -> Samples:
    """The metrics that this process reports."""
    return parse((await client.get("/metrics")).text)


async def test_each_process_reports_for_all(clients: list[httpx.AsyncClient]) -> None:
    """Counts of all processes are summed; gauges from the database are shown once."""
    apis = [Api(client) for client in clients]
    source = await apis[0].create_source()
    before = await scrape(clients[0])
    for times, api in enumerate(apis, start=1):
        for turn in range(times):
            await api.post(source, f"lead{turn}@example.com")
    scraped = [await scrape(client) for client in clients]

    for samples in scraped:
        for counter in (POSTED, ("intake_batch_inquiries_sum",)):
            assert 10 == samples[counter] - before.get(counter, 0)
        assert 10 == samples["assignments_total", "waiting", str(source)]
        assert 10 == samples["waiting_interactions", str(source)]


async def test_killed_process_has_no_pending_requests(
    clients: list[httpx.AsyncClient], workers: Workers, rows: Rows
) -> None:
    """Its pending requests no longer count in the queue depth; its counters are kept."""
    watcher, *_, doomed = clients
    victim = workers.pids()[-1]
    source = await Api(doomed).create_source()
    before = await scrape(watcher)
    await Api(doomed).post(source)
    rows.lock()
    killed = asyncio.Event()
    async with asyncio.TaskGroup() as posts, asyncio.timeout(60):
        for turn in range(6):
            posts.create_task(keep_posting(doomed, source, f"lead{turn}@example.com", killed))
        depth = 0.0
        while not depth:
            await asyncio.sleep(0.05)
            depth = (await scrape(watcher))["intake_queue_depth",]
        os.kill(victim, signal.SIGKILL)
        killed.set()
    rows.rollback()
    await workers.replaced(victim)
    samples = await scrape(watcher)

    assert 0 == samples["intake_queue_depth",]
    assert 1 == samples[POSTED] - before.get(POSTED, 0)


async def keep_posting(
    client: httpx.AsyncClient, source: int, email: str, until: asyncio.Event
) -> None:
    """Repeat an inquiry, which a locked database refuses, until the event or a lost connection."""
    body = {"email": email, "source_id": source}
    with suppress(httpx.TransportError):
        while not until.is_set():
            await client.post("/interaction", json=body)
