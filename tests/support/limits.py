"""Races for limits: what bots, staff and admins do at once, and what must hold whatever they do.

Each takes several clients in turn: of one process, or of several that share a database.
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


async def know_the_leads(api: Api) -> None:
    """Make all of them returning ones: each is done with one inquiry already.

    Requests that create their leads are kept apart by that alone, which hides a race for limits.
    """
    source = await api.create_source()
    await at_once(api.post(source, lead) for lead in LEADS)
    await few_at_once([api.close(one["id"]) for one in await api.list_active()])


def loads(active: list[Any]) -> Counter[int | None]:
    """How many active interactions each operator has; None has those that wait."""
    return Counter(one["operator_id"] for one in active)


def waiting(active: list[Any]) -> list[int]:
    """Those that wait, oldest first."""
    return [one["id"] for one in active if one["operator_id"] is None]


async def play_rounds(clients: Sequence[httpx.AsyncClient], rounds: int, sources: int) -> None:
    """So many rounds of forty at once, of inquiries that come through so many sources."""
    await know_the_leads(Api(clients[0]))
    last = len(LEADS)
    for _ in range(rounds):
        last = await _play_round([Api(client) for client in clients], sources, last)


async def _play_round(apis: Sequence[Api], sources: int, after: int) -> int:
    """Forty at once for two operators, five closed at once, a limit raised by seven.

    Args:
        apis: speak to the service.
        sources: how many sources the inquiries come through.
        after: the last interaction of the round before.

    Returns:
        The last interaction.

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
    queue = [one["id"] for one in active[2 * LIMIT :]]

    assert sorted(one["id"] for one in posted) == [one["id"] for one in active]
    assert {first: 5, second: 5, None: 30} == loads(active)
    assert queue == waiting(active)

    done = active[: 2 * LIMIT : 2]
    await at_once(apis[turn % len(apis)].close(one["id"]) for turn, one in enumerate(done))
    active = await api.list_active(after)

    assert {first: 5, second: 5, None: 25} == loads(active)
    assert queue[5:] == waiting(active)

    await apis[-1].update_operator(first, load_limit=LIMIT + 7)
    active = await api.list_active(after)

    assert {first: 12, second: 5, None: 18} == loads(active)
    assert queue[12:] == waiting(active)

    return int(active[-1]["id"])


async def meet_staff(clients: Sequence[httpx.AsyncClient]) -> None:
    """Bots of two sources, staff and an onlooker at once: nobody ever has more than its limit."""
    random = Random(4)
    apis = [Api(client) for client in clients]
    api = apis[0]
    await know_the_leads(api)
    operators = [await api.create_operator(load_limit=LIMIT) for _ in range(3)]
    weights = dict.fromkeys(operators, 1)
    sources = [await api.create_source(weights, enforce_load_limit=True) for _ in range(2)]
    finished = asyncio.Event()

    async def bot(source: int) -> None:
        for _ in range(40):
            await random.choice(apis).post(source, random.choice(LEADS))

    async def move_one() -> httpx.Response | None:
        active = await api.list_active()
        if not active:
            return None
        client = random.choice(clients)
        path = f"/interactions/{random.choice(active)['id']}"
        if random.random() < 1 / 3:
            return await client.post(f"{path}/close")
        body = random.choice([{}, {"operator_id": random.choice(operators)}])
        return await client.post(f"{path}/assign", json=body)

    async def look_on() -> list[int]:
        report = await api.call("GET", "/stats/operators")
        return [one["load"] for one in report if one["id"] in weights]

    staff = [asyncio.create_task(keep_on(move_one, finished)) for _ in range(4)]
    onlooker = asyncio.create_task(keep_on(look_on, finished))
    await at_once(bot(source) for source in sources * 3)
    finished.set()
    moved = [answer for answers in await at_once(staff) for answer in answers if answer]
    seen = [load for one_look in await onlooker for load in one_look]
    all_of_them = await api.call("GET", "/interactions?limit=1000")

    # On a slow machine a lock may take longer than the database waits for it.
    refusals = {"nobody_else", "operator_at_limit", "interaction_closed", "database_unavailable"}
    assert refusals >= {one.json()["code"] for one in moved if one.status_code != 200}
    assert LIMIT == max(seen)
    # Whoever waits is younger than all who ever got somebody, and everybody's hands are full.
    ours = [one for one in all_of_them if one["source_id"] in sources and one["is_active"]]
    queue = waiting(ours)
    assert all(one["operator_id"] is None for one in ours if queue and one["id"] >= queue[0])
    assert not queue or {LIMIT} == {loads(ours)[operator] for operator in operators}
