"""The service killed or terminated under load: no acknowledged inquiry is lost."""

import asyncio
import sys
from random import Random

import pytest

from tests.faults.checker import check
from tests.faults.history import History, refusals
from tests.faults.load import bots_at_work, set_up
from tests.faults.process import Service, only_causes
from tests.support.rows import Rows

END_TIMEOUT = 60
"""Seconds from SIGTERM to the end of the process, enough for a busy machine."""

pytestmark = pytest.mark.heavy


async def test_killed_at_random_moments(
    service: Service, history: History, rows: Rows, pytestconfig: pytest.Config
) -> None:
    """After kills at random moments, the service restarts with all acknowledged interactions."""
    moment = Random()
    kills = pytestconfig.getoption("kills")
    async with bots_at_work(service.url, history, await set_up(service.url)):
        for _ in range(kills):
            await asyncio.sleep(moment.uniform(0.05, 0.6))
            service.kill()
            await service.start()

    entries, answers = history.entries(), history.answers()
    assert [] == check(entries, rows)
    # On a busy machine a request may exceed the service's timeouts; bots then retry it.
    assert {"database_unavailable"} >= refusals(answers)
    # At each kill, requests were in flight.
    assert len(entries) - 2 * len(answers) >= kills
    assert not service.log or only_causes(service.log)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
async def test_terminated_under_load(service: Service, history: History, rows: Rows) -> None:
    """The process answers every accepted request before it ends."""
    async with bots_at_work(service.url, history, await set_up(service.url)):
        await asyncio.sleep(1)
        code = await service.terminate(END_TIMEOUT)
        await service.start()

    assert [] == check(history.entries(), rows)
    assert 0 == code
    # No client had to retry a request that was written, and nothing else was written.
    answers = history.answers()
    assert {(201, False)} == {(answer.status, answer.replayed) for answer in answers}
    assert (len(answers),) == rows.execute("SELECT count(*) FROM interactions").fetchone()
    assert "" == service.log
