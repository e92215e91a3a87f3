"""Limits hold exactly, whichever processes meet."""

import httpx
import pytest

from tests.support.limits import meet_staff, play_rounds
from tests.support.rows import Rows
from tests.workers.processes import Workers


@pytest.mark.parametrize("sources", [1, 2])
@pytest.mark.parametrize("rounds", [3, pytest.param(10, marks=pytest.mark.heavy)])
async def test_forty_returning_leads_meet(
    clients: list[httpx.AsyncClient], workers: Workers, rounds: int, sources: int
) -> None:
    """Limits hold to the one, over all sources, and whoever waited longest goes first."""
    await play_rounds(clients, rounds, sources)

    assert "" == workers.log


async def test_limit_holds_while_staff_close_and_reassign(
    clients: list[httpx.AsyncClient], workers: Workers, rows: Rows
) -> None:
    """Bots, staff and an onlooker at once: no limit is exceeded, and no two wait for each other."""
    await meet_staff(clients)
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"

    assert [(0,)] == rows.execute(deadlocks)
    assert "" == workers.log
