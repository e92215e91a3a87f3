"""PostgreSQL crashed or suspended under load: nothing acknowledged is lost, no answer is late."""

import asyncio
import sys

import pytest

from tests.faults.checker import check
from tests.faults.history import History, refusals
from tests.faults.load import bots_at_work, recovered, set_up
from tests.faults.process import Service, only_causes
from tests.support.answer_time import AnswerTime
from tests.support.postgres import PostgresServer
from tests.support.rows import open_rows

pytestmark = pytest.mark.heavy


@pytest.fixture
def durable_url(own_postgres: PostgresServer) -> str:
    """An empty database on a server that the test crashes."""
    return own_postgres.url()


async def test_server_that_crashes_under_load(
    own_postgres: PostgresServer, service: Service, history: History, answer_time: AnswerTime
) -> None:
    """The service recovers with its database each time, and loses no acknowledged interaction."""
    async with bots_at_work(service.url, history, await set_up(service.url)):
        for _ in range(5):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_postgres.stop)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_postgres.start)
        await recovered(history)

    assert_guarantees_held(own_postgres, service, history, answer_time)


@pytest.mark.skipif(
    sys.platform != "linux", reason="processes are found in /proc, which only Linux has"
)
async def test_server_that_hangs_under_load(
    own_postgres: PostgresServer, service: Service, history: History, answer_time: AnswerTime
) -> None:
    """Clients get a 503 in time; once the server resumes, the service recovers."""
    async with bots_at_work(service.url, history, await set_up(service.url)):
        await asyncio.sleep(0.5)
        own_postgres.freeze()
        await asyncio.sleep(12)
        own_postgres.thaw()
        await recovered(history)

    assert_guarantees_held(own_postgres, service, history, answer_time)


def assert_guarantees_held(
    server: PostgresServer, service: Service, history: History, answer_time: AnswerTime
) -> None:
    """No interaction is lost or duplicated, and all answers are correct and in time."""
    answers = history.answers()
    with open_rows(server.url()) as rows:
        assert [] == check(history.entries(), rows)
    assert {"database_unavailable"} == refusals(answers)
    assert answer_time.seconds >= max(answer.seconds for answer in answers)
    assert only_causes(service.log), service.log
