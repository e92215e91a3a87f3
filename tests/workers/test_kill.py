"""Processes killed or asked to end under load: a 201 stays true."""

import asyncio
import os
import signal
from random import Random

import pytest

from tests.faults.checker import check
from tests.faults.history import History
from tests.faults.load import bots_at_work, set_up
from tests.support.rows import Rows
from tests.workers.processes import Workers

END_WITHIN = 15
"""Seconds from the request to end."""


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.heavy)])
async def test_killed_process_is_replaced(
    workers: Workers, history: History, rows: Rows, kills: int
) -> None:
    """The others go on, the service is never away, and nothing that it promised is missed."""
    random = Random()
    async with bots_at_work(workers.url, history, await set_up(workers.url), bots=16):
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.05, 0.6))
            victim = random.choice(workers.pids())
            os.kill(victim, signal.SIGKILL)
            await workers.replaced(victim)

    entries, answers = history.entries(), history.answers()
    assert [] == check(entries, rows)
    assert {201} == {answer.status for answer in answers}
    # At most what each connection had under way when its process was killed.
    assert len(entries) - 2 * len(answers) <= 16 * kills
    assert "" == workers.log


@pytest.mark.heavy
async def test_restart_under_load(workers: Workers, history: History, rows: Rows) -> None:
    """Whatever was taken in is answered before the processes end."""
    codes = []
    async with bots_at_work(workers.url, history, await set_up(workers.url), bots=16):
        for _ in range(5):
            await asyncio.sleep(0.7)
            codes.append(await workers.terminate(END_WITHIN))
            await workers.start()

    assert [0] * 5 == codes
    assert [] == check(history.entries(), rows)
    # Nobody had to ask twice for what was written once, and nothing else was written.
    answers = history.answers()
    assert {(201, False)} == {(answer.status, answer.replayed) for answer in answers}
    assert (len(answers),) == rows.execute("SELECT count(*) FROM interactions").fetchone()
    assert "" == workers.log


async def test_processes_end_with_the_one_that_watches_over_them(
    workers: Workers, history: History, rows: Rows
) -> None:
    """Killed, it leaves nobody behind who would hold the port: the next start takes over."""
    async with bots_at_work(workers.url, history, await set_up(workers.url), bots=16):
        await asyncio.sleep(0.5)
        left = workers.pids()
        workers.kill()
        await workers.gone(left)
        await workers.start()

    assert [] == check(history.entries(), rows)
    assert {(201, False)} == {(answer.status, answer.replayed) for answer in history.answers()}
