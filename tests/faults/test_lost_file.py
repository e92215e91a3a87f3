"""The database file removed or replaced under load, and the service then killed."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from shutil import copy
from typing import Any

import httpx
import pytest

from app.maintenance.backup import back_up
from app.maintenance.restore import restore
from tests.faults.checker import check
from tests.faults.history import Answer, History
from tests.faults.load import bots_at_work, set_up
from tests.faults.process import Service
from tests.support.load import new_client
from tests.support.rows import TABLES, open_rows

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        sys.platform == "win32", reason="Windows does not let an open file be moved"
    ),
]


@pytest.fixture
def database(tmp_path: Path, template: Path) -> Path:
    """A database file for a service in a separate process."""
    return Path(copy(template, tmp_path / "served.db"))


def acknowledged(answers: list[Answer]) -> set[int]:
    """The ids of acknowledged interactions."""
    return {answer.body["id"] for answer in answers if answer.status == 201}


def content(path: Path) -> list[list[tuple[Any, ...]]]:
    """All rows of a database file, without its log."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as rows:
        return [sorted(rows.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES]


def ids_in(path: Path) -> set[int]:
    """The ids of interactions in a database file, without its log."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as rows:
        return {id for (id,) in rows.execute("SELECT id FROM interactions")}


def stored_in(path: Path) -> set[int]:
    """The ids of interactions in a copy of an open database file, without its log."""
    return ids_in(Path(copy(path, path.with_name("alone.db"))))


async def refused(history: History, url: str) -> None:
    """Wait until inquiries are refused, and check that `/readyz` fails, too."""
    async with asyncio.timeout(30), new_client(url) as client:
        while not any(  # noqa: ASYNC110  # a file has no event
            answer.status == 503 for answer in history.answers()
        ):
            await asyncio.sleep(0.05)
        assert 503 == (await client.get("/readyz")).status_code


def since_the_first_refusal(answers: list[Answer]) -> set[int]:
    """The statuses of all answers from the first refusal on."""
    statuses = [answer.status for answer in answers]
    return set(statuses[statuses.index(503) :])


async def test_moved_away_and_killed(database: Path, tmp_path: Path) -> None:
    """The moved file alone has all acknowledged interactions; moved back, it is served."""
    elsewhere = tmp_path / "elsewhere.db"
    service = Service(f"sqlite:///{database}", tmp_path / "service.log")
    with closing(History(tmp_path / "history.jsonl")) as history:
        try:
            await service.start()
            async with bots_at_work(service.url, history, await set_up(service.url)):
                await asyncio.sleep(1)
                database.rename(elsewhere)
                await refused(history, service.url)
                before = acknowledged(history.answers())
                async with asyncio.timeout(30):
                    while not before <= stored_in(elsewhere):  # noqa: ASYNC110  # a file has no event
                        await asyncio.sleep(0.1)
                answers = history.answers()
                service.kill()
                elsewhere.rename(database)
                await service.start()
            with open_rows(f"sqlite:///{database}") as rows:
                found = check(history.entries(), rows)
        finally:
            service.kill()

        assert [] == found
        assert {503} == since_the_first_refusal(answers)
        assert len(acknowledged(history.answers())) > len(before) > 0
        assert 1 == service.log.count("was deleted or moved away")


@pytest.mark.parametrize("change", ["replaced", "deleted"])
async def test_replaced_or_deleted_and_restored(
    change: str, database: Path, tmp_path: Path
) -> None:
    """No more requests are acknowledged, and `restore` restores exactly the backup's rows."""
    backup = tmp_path / "backup.db"
    url = f"sqlite:///{database}"
    service = Service(url, tmp_path / "service.log")
    with closing(History(tmp_path / "history.jsonl")) as history:
        try:
            await service.start()
            async with bots_at_work(service.url, history, await set_up(service.url)):
                await asyncio.sleep(1)
                before = acknowledged(history.answers())
                await asyncio.to_thread(back_up, url, backup)
                await asyncio.sleep(0.5)
                if change == "replaced":
                    Path(copy(backup, tmp_path / "copy.db")).rename(database)
                else:
                    database.unlink()
                await refused(history, service.url)
                await asyncio.sleep(1)
                answers = history.answers()
                service.kill()
                aside = restore(url, backup)
                restored = content(database)
                await service.start()
            async with httpx.AsyncClient(base_url=service.url) as client:
                ready = await client.get("/readyz")
        finally:
            service.kill()

        assert {503} == since_the_first_refusal(answers)
        assert content(backup) == restored
        assert before <= ids_in(backup)
        assert aside is not None or change == "deleted"
        assert 200 == ready.status_code
        assert 1 == service.log.count(f"was {change}")
