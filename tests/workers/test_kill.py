"""Processes killed or terminated under load: no acknowledged inquiry is lost."""

import asyncio
import os
import signal
from random import Random

import pytest

from tests.faults.checker import check
from tests.faults.history import History, refusals
from tests.faults.load import bots_at_work, set_up
from tests.faults.process import only_causes
from tests.support.rows import Rows
from tests.workers.processes import Workers

pytestmark = pytest.mark.heavy

END_TIMEOUT = 60
"""Seconds from SIGTERM to the end of the process, enough for a busy machine."""


async def test_killed_process_is_replaced(
    workers: Workers, history: History, rows: Rows, pytestconfig: pytest.Config
) -> None:
    """The others go on serving, and no acknowledged interaction is lost."""
    random = Random()
    kills = pytestconfig.getoption("kills")
    async with bots_at_work(workers.url, history, await set_up(workers.url), bots=16):
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.05, 0.6))
            victim = random.choice(workers.pids())
            os.kill(victim, signal.SIGKILL)
            await workers.replaced(victim)

    entries, answers = history.entries(), history.answers()
    assert [] == check(entries, rows)
    # On a busy machine a request may exceed the service's timeouts; bots then retry it.
    assert {"database_unavailable"} >= refusals(answers)
    # At most one request per connection was in flight when its process was killed.
    assert len(entries) - 2 * len(answers) <= 16 * kills
    assert not workers.log or only_causes(workers.log)


async def test_restart_under_load(workers: Workers, history: History, rows: Rows) -> None:
    """The processes answer every accepted request before they end."""
    async with bots_at_work(workers.url, history, await set_up(workers.url), bots=16):
        await asyncio.sleep(0.7)
        code = await workers.terminate(END_TIMEOUT)
        await workers.start()

    assert 0 == code
    assert [] == check(history.entries(), rows)
    # No client had to retry a request that was written, and nothing else was written.
    answers = history.answers()
    assert {(201, False)} == {(answer.status, answer.replayed) for answer in answers}
    assert (len(answers),) == rows.execute("SELECT count(*) FROM interactions").fetchone()
    assert "" == workers.log


async def test_processes_end_with_their_supervisor(
    workers: Workers, history: History, rows: Rows
) -> None:
    """When the supervisor is killed, no process keeps the port: the service can start again."""
    async with bots_at_work(workers.url, history, await set_up(workers.url), bots=16):
        await asyncio.sleep(0.5)
        pids = workers.pids()
        workers.kill()
        await workers.gone(pids)
        await workers.start()

    assert [] == check(history.entries(), rows)
    assert {(201, False)} == {(answer.status, answer.replayed) for answer in history.answers()}


async def test_port_closes_before_the_last_request_ends(workers: Workers, rows: Rows) -> None:
    """After SIGTERM new connections are refused at once; requests in flight are answered."""
    source = await set_up(workers.url)
    body = b'{"email": "lead@example.com", "source_id": %d}' % source[0]
    head = b"POST /interaction HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", workers.port)
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:9])
    await asyncio.sleep(0.2)
    ending = asyncio.create_task(workers.terminate(END_TIMEOUT))
    await refused(workers.port)
    writer.write(body[9:])
    answer = await reader.read()
    writer.close()

    assert b"HTTP/1.1 201 Created" == answer.splitlines()[0]
    assert 0 == await ending
    assert [(1,)] == rows.execute("SELECT count(*) FROM interactions")


async def refused(port: int) -> None:
    """Wait until connections are refused."""
    async with asyncio.timeout(END_TIMEOUT):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.05)
