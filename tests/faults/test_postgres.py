"""PostgreSQL ended or frozen under load: a 201 stays true, and everyone gets an answer in time."""

import asyncio
import sys

import pytest

from tests.faults.checker import check
from tests.faults.history import History, refusals
from tests.faults.load import bots_at_work, recovered, set_up
from tests.faults.process import Service, only_causes
from tests.support.patience import Patience
from tests.support.postgres import PostgresServer
from tests.support.rows import open_rows

pytestmark = pytest.mark.heavy


@pytest.fixture
def durable_url(own_postgres: PostgresServer) -> str:
    """An empty database on it."""
    return own_postgres.url()


async def test_server_that_crashes_under_load(
    own_postgres: PostgresServer, service: Service, history: History, patience: Patience
) -> None:
    """The service comes back with its database each time, and misses nothing that it promised."""
    async with bots_at_work(service.url, history, await set_up(service.url)):
        for _ in range(5):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_postgres.stop)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_postgres.start)
        await recovered(history)

    assert_promises_were_kept(own_postgres, service, history, patience)


@pytest.mark.skipif(sys.platform != "linux", reason="the processes are found in Linux's own way")
async def test_server_that_hangs_under_load(
    own_postgres: PostgresServer, service: Service, history: History, patience: Patience
) -> None:
    """Who cannot be served hears so in time; once the server goes on, so does the service."""
    async with bots_at_work(service.url, history, await set_up(service.url)):
        await asyncio.sleep(0.5)
        own_postgres.freeze()
        await asyncio.sleep(12)
        own_postgres.thaw()
        await recovered(history)

    assert_promises_were_kept(own_postgres, service, history, patience)


def assert_promises_were_kept(
    server: PostgresServer, service: Service, history: History, patience: Patience
) -> None:
    """Nothing is lost or doubled, and every answer came in time and said the truth."""
    answers = history.answers()
    with open_rows(server.url()) as rows:
        assert [] == check(history.entries(), rows)
    assert {"database_unavailable"} == refusals(answers)
    assert patience.seconds >= max(answer.seconds for answer in answers)
    assert only_causes(service.log), service.log
