"""Metrics for Prometheus, labelled by routes and ids, never by what clients sent."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.support.api import Api
from tests.support.command import PYTHON_APP, read_until, running_command
from tests.support.load import at_once
from tests.support.metrics import Samples, parse
from tests.support.raw import exchange
from tests.support.rows import Rows
from tests.support.server import LiveServer


@pytest.fixture
def scrape(client: httpx.AsyncClient) -> Callable[[], Awaitable[Samples]]:
    """Reads the metrics. They are of the whole process, so tests compare two readings."""

    async def scrape() -> Samples:
        response = await client.get("/metrics")
        assert 200 == response.status_code
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        return parse(response.text)

    return scrape


def change(before: Samples, after: Samples, *key: str) -> float:
    """The increase of a sample."""
    return after.get(key, 0) - before.get(key, 0)


Scrape = Callable[[], Awaitable[Samples]]


async def test_requests_are_counted_by_template(client: httpx.AsyncClient, scrape: Scrape) -> None:
    """Route, method and status; unknown paths and methods get no series of their own."""
    before = await scrape()
    for path in ("/operators/1", "/operators/2", "/operators/x"):
        await client.get(path)
    for name in ("maria", "ivan"):
        await client.get(f"/{name}")
        await client.request(name, "/healthz")
    after = await scrape()

    count = "http_request_duration_seconds_count"
    assert 2 == change(before, after, count, "GET", "/operators/{operator_id}", "404")
    assert 1 == change(before, after, count, "GET", "/operators/{operator_id}", "422")
    assert 2 == change(before, after, count, "GET", "other", "404")
    assert 2 == change(before, after, count, "other", "/healthz", "405")
    assert 1 == change(before, after, count, "GET", "/metrics", "200")
    time = "http_request_duration_seconds_sum"
    assert 0 < change(before, after, time, "GET", "/operators/{operator_id}", "404") < 60
    assert "maria" not in str(after)


async def test_request_that_cannot_be_read_is_counted(server: LiveServer) -> None:
    """A request refused before it is parsed is counted, too."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        before = parse((await client.get("/metrics")).text)
        await exchange(server, b"maria\r\n\r\n")
        after = parse((await client.get("/metrics")).text)

    name = "http_request_duration_seconds_count"
    assert 1 == change(before, after, name, "other", "other", "400")


async def test_batches_are_measured(api: Api, scrape: Scrape) -> None:
    """Their sizes sum to the inquiries; a COMMIT takes part of its transaction's time."""
    source = await api.create_source()
    before = await scrape()
    await at_once(api.post(source, f"lead{number}@example.com") for number in range(12))
    after = await scrape()

    transactions = change(before, after, "intake_transaction_seconds_count")
    assert 12 == change(before, after, "intake_batch_inquiries_sum")
    assert transactions == change(before, after, "intake_batch_inquiries_count") <= 12
    assert transactions == change(before, after, "intake_commit_seconds_count")
    commit = change(before, after, "intake_commit_seconds_sum")
    assert 0 < commit < change(before, after, "intake_transaction_seconds_sum")


async def test_queue_depth(api: Api, client: httpx.AsyncClient, rows: Rows, scrape: Scrape) -> None:
    """While a transaction is blocked, the inquiries behind it are pending; afterwards none is.

    The database waits only so long for a lock, so a slow machine may need several attempts.
    """
    source = await api.create_source()
    async with asyncio.timeout(120):
        while not await _shows_five(client, source, rows, scrape):
            pass
        while (await scrape())["intake_queue_depth",]:
            pass


async def _shows_five(client: httpx.AsyncClient, source: int, rows: Rows, scrape: Scrape) -> bool:
    """Whether the depth was five while a lock blocked the first inquiry's transaction."""

    def post(number: int) -> asyncio.Task[httpx.Response]:
        body = {"email": f"lead{number}@example.com", "source_id": source}
        return asyncio.create_task(client.post("/interaction", json=body))

    seen = 0.0
    rows.lock()
    first = post(0)
    await asyncio.sleep(0.1)
    others = [post(number) for number in range(1, 6)]
    while seen != 5 and not first.done():
        seen = (await scrape())["intake_queue_depth",]
        await asyncio.sleep(0.05)
    rows.rollback()
    await at_once([first, *others])
    return seen == 5


async def test_assignments_are_counted_when_committed(api: Api, scrape: Scrape) -> None:
    """By source and reason."""
    before = await scrape()
    maria, ivan = [await api.create_operator(name, load_limit=1) for name in ("Maria", "Ivan")]
    source = await api.create_source({maria: 1})
    await api.call("PATCH", f"/sources/{source}", json={"enforce_load_limit": True, "sticky": True})
    first, second, _ = [await api.post(source, f"lead{n}@example.com") for n in range(3)]
    await api.call("POST", f"/interactions/{first['id']}/close")
    await api.set_weights(source, {ivan: 1})
    after = await scrape()

    def counted(reason: str) -> float:
        return change(before, after, "assignments_total", reason, str(source))

    assert 1 == counted("selected")
    assert 2 == counted("waiting")
    assert 2 == counted("from_queue")
    assert 0 == counted("manual")
    assert second["operator_id"] is None


async def test_rolled_back_assignment_is_not_counted(
    api: Api, client: httpx.AsyncClient, rows: Rows, scrape: Scrape
) -> None:
    """A transaction that is rolled back has assigned nothing."""
    maria, ivan = [await api.create_operator(name) for name in ("Maria", "Ivan")]
    source = await api.create_source({maria: 1})
    interaction = await api.post(source)
    path = f"/interactions/{interaction['id']}/assign"
    rows.fail_commit("interactions", "new.operator_id > 0", of="UPDATE")
    before = await scrape()
    failed = await client.post(path, json={"operator_id": ivan})
    rows.let_commit("interactions")
    between = await scrape()
    await api.call("POST", path, json={"operator_id": ivan})
    after = await scrape()

    assert 500 == failed.status_code
    key = ("assignments_total", "manual", str(source))
    assert 0 == change(before, between, *key)
    assert 1 == change(between, after, *key)


async def test_gauges_are_read_from_the_database(api: Api, scrape: Scrape) -> None:
    """Queues, loads and limits of the moment, whichever process wrote them, without names."""
    maria = await api.create_operator("Maria", load_limit=2)
    ivan = await api.create_operator("Ivan")
    shared, lonely = await api.create_source({maria: 1}), await api.create_source()
    for n in range(3):
        await api.post(shared, f"lead{n}@example.com")
        await api.post(lonely, f"lead{n}@example.com")
    now = await scrape()

    assert 1 == now["database_up",]
    assert 3 == now["waiting_interactions", str(lonely)]
    assert 0 == now["waiting_interactions", str(shared)]
    assert 3 == now["operator_load", str(maria)]
    assert 2 == now["operator_load_limit", str(maria)]
    assert 0 == now["operator_load", str(ivan)]
    assert ("operator_load_limit", str(ivan)) not in now
    assert "Maria" not in str(now)


async def test_unavailable_database(
    api: Api, client: httpx.AsyncClient, rows: Rows, scrape: Scrape
) -> None:
    """Requests are still counted, and `database_up` is 0."""
    await api.create_operator()
    rows.execute("ALTER TABLE operators RENAME TO gone")
    unavailable = await scrape()
    rows.execute("ALTER TABLE gone RENAME TO operators")
    recovered = await scrape()

    assert 0 == unavailable["database_up",]
    assert ("operator_load", "1") not in unavailable
    assert unavailable["http_request_duration_seconds_count", "POST", "/operators", "201"]
    assert 1 == recovered["database_up",]
    assert ("operator_load", "1") in recovered


async def test_metrics_are_not_in_the_openapi_document(client: httpx.AsyncClient) -> None:
    """Prometheus needs no description, and no other client reads them."""
    document = (await client.get("/openapi.json")).json()

    assert "/metrics" not in document["paths"]


@pytest.mark.heavy
def test_processes_share_a_folder(tmp_path: Path) -> None:
    """Counters of processes that share a folder are summed; gauges of the database are not."""
    shared = tmp_path / "shared"
    shared.mkdir()
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    serve = (*PYTHON_APP, "serve", "--port", "0")
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    with (
        running_command(*serve, folder=folders[0], **variables) as first,
        running_command(*serve, folder=folders[1], **variables) as second,
        httpx.Client(trust_env=False) as client,
    ):
        urls = [
            read_until(process, "Serving on").split()[2].rstrip(",") for process in (first, second)
        ]
        for url, times in zip(urls, (2, 3), strict=True):
            client.post(f"{url}/sources", json={"description": "bot"})
            for n in range(times):
                inquiry = {"email": f"lead{n}@example.com", "source_id": 1}
                client.post(f"{url}/interaction", json=inquiry)
        scraped = [parse(client.get(f"{url}/metrics").text) for url in urls]

    for samples in scraped:
        name = "http_request_duration_seconds_count"
        assert 5 == samples[name, "POST", "/interaction", "201"]
        assert 5 == samples["intake_batch_inquiries_sum",]
        assert 5 == samples["assignments_total", "waiting", "1"]
        assert 0 == samples["intake_queue_depth",]
    assert [2, 3] == [samples["waiting_interactions", "1"] for samples in scraped]
