"""The service ended under load, with and without warning: a 201 stays true."""

import asyncio
import sys
from random import Random

import pytest

from tests.faults.checker import check
from tests.faults.history import History
from tests.faults.load import bots_at_work, set_up
from tests.faults.process import Service
from tests.support.rows import Rows

END_TIMEOUT = 60
"""Seconds from the request to end, on a machine however busy."""

pytestmark = pytest.mark.heavy


async def test_killed_at_random_moments(
    service: Service, history: History, rows: Rows, pytestconfig: pytest.Config
) -> None:
    """However often and whenever it is killed, the service comes back with all that it promised."""
    moment = Random()
    kills = pytestconfig.getoption("kills")
    async with bots_at_work(service.url, history, await set_up(service.url)):
        for _ in range(kills):
            await asyncio.sleep(moment.uniform(0.05, 0.6))
            service.kill()
            await service.start()

    entries, answers = history.entries(), history.answers()
    assert [] == check(entries, rows)
    assert {201} == {answer.status for answer in answers}
    # Each kill met requests under way.
    assert len(entries) - 2 * len(answers) >= kills
    assert "" == service.log


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that asks to end")
async def test_asked_to_end_under_load(service: Service, history: History, rows: Rows) -> None:
    """Whatever was taken in is answered before the process ends."""
    async with bots_at_work(service.url, history, await set_up(service.url)):
        await asyncio.sleep(1)
        code = await service.terminate(END_TIMEOUT)
        await service.start()

    assert [] == check(history.entries(), rows)
    assert 0 == code
    # Nobody had to ask twice for what was written once, and nothing else was written.
    answers = history.answers()
    assert {(201, False)} == {(answer.status, answer.replayed) for answer in answers}
    assert (len(answers),) == rows.execute("SELECT count(*) FROM interactions").fetchone()
    assert "" == service.log
