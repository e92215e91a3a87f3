"""A queue through several processes: where one dies in the middle, another goes on."""

import asyncio
import os
import signal
from contextlib import suppress

import httpx

from app.services.queue import CHUNK
from tests.support.api import Api
from tests.support.events import until
from tests.support.integrity import faults
from tests.support.queues import given_out, queue_up, still_waiting
from tests.support.rows import Rows
from tests.workers.processes import Workers


async def test_process_killed_in_mid_drain(
    clients: list[httpx.AsyncClient], workers: Workers, rows: Rows
) -> None:
    """All go out once and in order, though the process that began is no more."""
    doomed, *_ = clients
    operator = await Api(doomed).create_operator(active=False)
    source = await Api(doomed).create_source({operator: 1})
    queue = queue_up(rows, 8 * CHUNK, source)

    async def activate() -> None:
        with suppress(httpx.TransportError):
            await doomed.patch(f"/operators/{operator}", json={"active": True})

    activation = asyncio.create_task(activate())
    await until(lambda: bool(given_out(rows)))
    os.kill(workers.pids()[0], signal.SIGKILL)
    await activation
    left = len(still_waiting(rows))
    await until(lambda: not still_waiting(rows))

    assert left
    assert queue == given_out(rows)
    assert [] == faults(rows)
