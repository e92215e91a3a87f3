"""A full disk, a locked database, a failing commit: each has its error, and ends with its cause."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copy

import httpx
import pytest
from sqlalchemy import text

from app.core.config import Settings
from app.main import create_app
from tests.faults.checker import check
from tests.faults.disks import LimitedDisk, SmallDisk, can_mount, mounted
from tests.faults.history import History, refusals
from tests.faults.load import bots_at_work, reading, recovered, set_up
from tests.faults.process import Service, only_causes
from tests.support.answer_time import AnswerTime
from tests.support.api import Api
from tests.support.integrity import faults
from tests.support.kinds import only_sqlite
from tests.support.load import at_once, keep_on, new_client
from tests.support.problems import read_problem
from tests.support.rows import Rows, open_rows


@only_sqlite
async def test_page_limit_is_storage_full(settings: Settings, rows: Rows) -> None:
    """A full database is a 503 that says so; reads succeed, and writes do once it has space."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        api = Api(client)
        source = await api.create_source()
        before = await api.post(source)
        large = {"email": "large@example.com", "source_id": source, "payload": "x" * 60_000}
        async with app.state.database.writing() as session:
            # SQLite raises this to the current number of pages.
            await session.execute(text("PRAGMA max_page_count = 1"))
        refused = await at_once(client.post("/interaction", json=large) for _ in range(10))
        # Those that fit in the last page are accepted.
        sources = [
            await client.post("/sources", json={"description": "x" * 100}) for _ in range(60)
        ]
        read = await api.call("GET", f"/interactions/{before['id']}")
        async with app.state.database.writing() as session:
            await session.execute(text("PRAGMA max_page_count = 1000000"))
        accepted = await client.post("/interaction", json=large)

    assert {201, 503} == {answer.status_code for answer in sources}
    for answer in [*refused, *(answer for answer in sources if answer.status_code == 503)]:
        read_problem(answer, 503, "storage_full")
        assert answer.headers["Retry-After"].isdecimal()
    assert before == read
    assert 201 == accepted.status_code
    assert (2,) == rows.execute("SELECT count(*) FROM interactions").fetchone()
    assert [] == faults(rows)


@pytest.fixture(params=[LimitedDisk, *([SmallDisk] if can_mount() else [])])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LimitedDisk | SmallDisk]:
    """A disk with free space."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with ExitStack() as stack:
        if request.param is SmallDisk:
            stack.enter_context(mounted(folder))
        yield request.param(folder)


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit other processes")
async def test_full_disk_under_load(
    disk: LimitedDisk | SmallDisk, template: Path, tmp_path: Path, history: History
) -> None:
    """While the disk is full, writes are refused and reads succeed; then the service recovers."""
    database = Path(copy(template, disk.folder / "test.db"))
    service = Service(f"sqlite:///{database}", tmp_path / "service.log")
    try:
        await service.start()
        async with bots_at_work(service.url, history, await set_up(service.url)):
            await asyncio.sleep(0.5)
            disk.fill(service.pid)
            async with reading(service.url) as reads:
                await asyncio.sleep(2)
            full = len(history.answers())
            disk.free(service.pid)
            await recovered(history)
        answers = history.answers()
        with open_rows(f"sqlite:///{database}") as rows:
            found = check(history.entries(), rows)
    finally:
        service.kill()

    assert [] == found
    assert {disk.code} == refusals(answers)
    assert full < len(answers)
    assert {200} == {read.status_code for read in reads}
    assert only_causes(service.log)


@pytest.mark.heavy
@pytest.mark.parametrize("seconds", [3, 12])
async def test_locked_by_another_process_under_load(
    service: Service, history: History, rows: Rows, answer_time: AnswerTime, seconds: int
) -> None:
    """Each write of bots and admins succeeds or fails within five seconds; reads succeed."""
    async with (
        bots_at_work(service.url, history, await set_up(service.url)),
        new_client(service.url) as client,
    ):
        unlocked = asyncio.Event()

        async def rename() -> httpx.Response:
            return await client.patch("/operators/1", json={"name": "Anna"})

        rows.lock()
        admins = [asyncio.create_task(keep_on(rename, unlocked)) for _ in range(3)]
        async with reading(service.url) as reads:
            await asyncio.sleep(seconds)
        rows.rollback()
        unlocked.set()
        renames = [answer for of_admin in await at_once(admins) for answer in of_admin]
        await recovered(history)

    answers = history.answers()
    assert [] == check(history.entries(), rows)
    assert {"database_unavailable"} == refusals(answers)
    assert {200, 503} >= {answer.status_code for answer in renames}
    assert {200} == {read.status_code for read in reads}
    assert answer_time.seconds >= max(answer.seconds for answer in answers)
    assert answer_time.seconds >= max(answer.elapsed.total_seconds() for answer in renames)
    assert only_causes(service.log)


async def test_failing_commit_fails_one_inquiry(
    client: httpx.AsyncClient, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """Of inquiries that share a transaction, only the one whose COMMIT fails is rolled back."""
    caplog.set_level(logging.CRITICAL)
    source = await Api(client).create_source()
    rows.fail_commit("interactions", "new.payload = '\"failing\"'")

    def post(number: int) -> "asyncio.Task[httpx.Response]":
        body = {
            "email": f"lead{number}@example.com",
            "source_id": source,
            "payload": "failing" if number == 5 else number,
        }
        headers = {"Idempotency-Key": f"key{number}"}
        return asyncio.create_task(client.post("/interaction", json=body, headers=headers))

    answers = await at_once(post(number) for number in range(20))

    failed = answers.pop(5)
    read_problem(failed, 500, "internal_error")
    assert {201} == {answer.status_code for answer in answers}
    assert 19 == len({answer.json()["id"] for answer in answers})
    for table in ("leads", "interactions", "idempotency_keys"):
        assert (19,) == rows.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert (0,) == rows.execute(
        "SELECT count(*) FROM leads WHERE email = 'lead5@example.com'"
    ).fetchone()
    assert [] == faults(rows)


@pytest.mark.timeouts
async def test_full_queue_is_busy(settings: Settings, rows: Rows) -> None:
    """An inquiry beyond the capacity gets a 503, and a retry succeeds."""
    app = create_app(settings.model_copy(update={"intake_capacity": 1}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        source = await Api(client).create_source()
        inquiry = {"email": "lead@example.com", "source_id": source}
        rows.lock()
        answers = await at_once(client.post("/interaction", json=inquiry) for _ in range(10))
        rows.rollback()
        later = await client.post("/interaction", json=inquiry)

    busy = [answer for answer in answers if answer.json()["code"] == "busy"]
    assert len(busy) >= 8
    for answer in busy:
        read_problem(answer, 503, "busy")
        assert "1" == answer.headers["Retry-After"]
    assert 201 == later.status_code
    assert (1,) == rows.execute("SELECT count(*) FROM interactions").fetchone()
