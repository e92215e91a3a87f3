"""Limits hold exactly across processes."""

import httpx
import pytest

from tests.support.limits import meet_staff, play_rounds
from tests.support.rows import Rows
from tests.workers.processes import Workers

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize(("rounds", "sources"), [(2, 1), (3, 2)])
async def test_forty_returning_leads_at_once(
    clients: list[httpx.AsyncClient], workers: Workers, rounds: int, sources: int
) -> None:
    """No limit is exceeded over all sources, and the interaction that waited longest goes first."""
    await play_rounds(clients, rounds, sources)

    assert "" == workers.log


async def test_limit_holds_while_staff_close_and_reassign(
    clients: list[httpx.AsyncClient], workers: Workers, rows: Rows
) -> None:
    """Bots, staff and a reader at once: no limit is exceeded, and there is no deadlock."""
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = rows.execute(deadlocks)

    await meet_staff(clients)

    assert before == rows.execute(deadlocks)
    assert "" == workers.log
