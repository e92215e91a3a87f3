"""A queue and several processes: if one dies while it assigns, another continues."""

import asyncio
import os
import signal
from contextlib import suppress

import httpx
import pytest

from app.services.queue import CHUNK
from tests.support.api import Api
from tests.support.events import until
from tests.support.integrity import faults
from tests.support.queues import given_out, queue_up, still_waiting
from tests.support.rows import Rows
from tests.workers.processes import Workers

pytestmark = pytest.mark.heavy


async def test_process_killed_while_it_assigns(
    clients: list[httpx.AsyncClient], workers: Workers, rows: Rows
) -> None:
    """All interactions are assigned once and in order, although the first process was killed."""
    doomed, *_ = clients
    operator = await Api(doomed).create_operator(active=False)
    source = await Api(doomed).create_source({operator: 1})
    queue = queue_up(rows, 8 * CHUNK, source)

    async def activate() -> None:
        with suppress(httpx.TransportError):
            await doomed.patch(f"/operators/{operator}", json={"active": True})

    # The process cannot finish before it is killed: the fifth transaction waits for this row.
    rows.execute("BEGIN")
    rows.execute("SELECT id FROM interactions WHERE id = ? FOR UPDATE", [queue[4 * CHUNK]])
    activation = asyncio.create_task(activate())
    await until(lambda: bool(given_out(rows)))
    os.kill(workers.pids()[0], signal.SIGKILL)
    await activation
    rows.rollback()
    remaining = len(still_waiting(rows))
    await until(lambda: not still_waiting(rows))

    assert remaining
    assert queue == given_out(rows)
    assert [] == faults(rows)
