"""Races for load limits: concurrent requests of bots, staff and admins, and what must hold.

Each spreads its requests over several clients: of one process, or of several that share a database.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import httpx

from tests.support.api import Api
from tests.support.load import at_once, few_at_once, keep_on

LIMIT = 5
LEADS = [f"lead{number}@example.com" for number in range(40)]


async def create_leads(api: Api) -> None:
    """Create all leads, each with one closed inquiry.

    Requests that create leads are serialized by that alone, which would hide a race for limits.
    """
    source = await api.create_source()
    await at_once(api.post(source, lead) for lead in LEADS)
    await few_at_once([api.close(interaction["id"]) for interaction in await api.list_active()])


def loads(active: list[Any]) -> Counter[int | None]:
    """The number of active interactions by operator; those that wait are under None."""
    return Counter(interaction["operator_id"] for interaction in active)


def waiting(active: list[Any]) -> list[int]:
    """The ids of interactions that wait, oldest first."""
    return [interaction["id"] for interaction in active if interaction["operator_id"] is None]


async def play_rounds(clients: Sequence[httpx.AsyncClient], rounds: int, sources: int) -> None:
    """Play `rounds` rounds of forty concurrent inquiries each, spread over `sources` sources."""
    await create_leads(Api(clients[0]))
    last = len(LEADS)
    for _ in range(rounds):
        last = await _play_round([Api(client) for client in clients], sources, last)


async def _play_round(apis: Sequence[Api], sources: int, after: int) -> int:
    """Send forty inquiries at once for two operators, close five, then raise a limit by seven.

    Args:
        apis: clients of the service.
        sources: the number of sources that the inquiries are spread over.
        after: the id of the last interaction of the previous round.

    Returns:
        The id of the last interaction.

    """
    api = apis[0]
    first, second = [await api.create_operator(load_limit=LIMIT) for _ in range(2)]
    weights = {first: 1, second: 1}
    source_ids = [await api.create_source(weights, enforce_load_limit=True) for _ in range(sources)]
    posted = await at_once(
        apis[turn // sources % len(apis)].post(source_ids[turn % sources], lead)
        for turn, lead in enumerate(LEADS)
    )
    active = await api.list_active(after)
    queue = [interaction["id"] for interaction in active[2 * LIMIT :]]

    assert sorted(row["id"] for row in posted) == [row["id"] for row in active]
    assert {first: 5, second: 5, None: 30} == loads(active)
    assert queue == waiting(active)

    closed = active[: 2 * LIMIT : 2]
    await at_once(apis[turn % len(apis)].close(row["id"]) for turn, row in enumerate(closed))
    active = await api.list_active(after)

    assert {first: 5, second: 5, None: 25} == loads(active)
    assert queue[5:] == waiting(active)

    await apis[-1].update_operator(first, load_limit=LIMIT + 7)
    active = await api.list_active(after)

    assert {first: 12, second: 5, None: 18} == loads(active)
    assert queue[12:] == waiting(active)

    return int(active[-1]["id"])


async def meet_staff(clients: Sequence[httpx.AsyncClient]) -> None:
    """Bots of two sources, staff and a reader at once: no operator ever exceeds its limit."""
    random = Random(4)
    apis = [Api(client) for client in clients]
    api = apis[0]
    await create_leads(api)
    operators = [await api.create_operator(load_limit=LIMIT) for _ in range(3)]
    weights = dict.fromkeys(operators, 1)
    sources = [await api.create_source(weights, enforce_load_limit=True) for _ in range(2)]
    finished = asyncio.Event()

    async def bot(source: int) -> None:
        for _ in range(25):
            await random.choice(apis).post(source, random.choice(LEADS))

    async def move() -> httpx.Response | None:
        active = await api.list_active()
        if not active:
            return None
        client = random.choice(clients)
        path = f"/interactions/{random.choice(active)['id']}"
        if random.random() < 1 / 3:
            return await client.post(f"{path}/close")
        body = random.choice([{}, {"operator_id": random.choice(operators)}])
        return await client.post(f"{path}/assign", json=body)

    async def read_loads() -> list[int]:
        report = await api.call("GET", "/stats/operators")
        return [operator["load"] for operator in report if operator["id"] in weights]

    staff = [asyncio.create_task(keep_on(move, finished)) for _ in range(4)]
    reader = asyncio.create_task(keep_on(read_loads, finished))
    await at_once(bot(source) for source in sources * 3)
    finished.set()
    moved = [answer for answers in await at_once(staff) for answer in answers if answer]
    seen = [load for report in await reader for load in report]
    listed = await api.call("GET", "/interactions?limit=1000")

    # On a slow machine a request may wait for a lock until the lock timeout.
    refusals = {"nobody_else", "operator_at_limit", "interaction_closed", "database_unavailable"}
    assert refusals >= {answer.json()["code"] for answer in moved if answer.status_code != 200}
    assert LIMIT == max(seen)
    # All waiting interactions have higher ids than all assigned ones; operators are at the limit.
    active = [row for row in listed if row["source_id"] in sources and row["is_active"]]
    queue = waiting(active)
    assert all(row["operator_id"] is None for row in active if queue and row["id"] >= queue[0])
    assert not queue or {LIMIT} == {loads(active)[operator] for operator in operators}
