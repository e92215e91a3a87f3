"""PostgreSQL crashes under several processes, one of which is killed: no 201 is lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.checker import check
from tests.faults.history import History, refusals
from tests.faults.load import bots_at_work, recovered, set_up
from tests.support.postgres import PostgresServer
from tests.support.rows import open_rows
from tests.workers.conftest import WORKERS
from tests.workers.processes import Workers

pytestmark = pytest.mark.heavy


@pytest.fixture
async def workers(own_postgres: PostgresServer, tmp_path: Path) -> AsyncIterator[Workers]:
    """Processes on a server that the test crashes."""
    workers = Workers(own_postgres.url(), tmp_path / "service.log", WORKERS)
    try:
        await workers.start()
        yield workers
    finally:
        workers.kill()


async def test_crashes_of_postgres_and_of_a_process(
    workers: Workers, history: History, own_postgres: PostgresServer
) -> None:
    """The service recovers with its database, and a process that was killed is replaced."""
    async with bots_at_work(workers.url, history, await set_up(workers.url), bots=16):
        for _ in range(3):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_postgres.stop)
            victim = workers.pids()[0]
            os.kill(victim, signal.SIGKILL)
            # Long enough for its replacement to find no database.
            await asyncio.sleep(4)
            await asyncio.to_thread(own_postgres.start)
            await workers.replaced(victim)
        await recovered(history)

    answers = history.answers()
    with open_rows(own_postgres.url()) as rows:
        assert [] == check(history.entries(), rows)
    assert {"database_unavailable"} == refusals(answers)
    assert "Traceback" not in workers.log
