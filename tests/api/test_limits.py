"""Limits hold exactly, whoever meets whom."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from tests.support.api import Api
from tests.support.load import at_once, few_at_once, keep_on, new_client
from tests.support.server import LiveServer

LIMIT = 5
LEADS = [f"lead{number}@example.com" for number in range(40)]


async def know_the_leads(api: Api) -> None:
    """Make all of them returning ones: each is done with one inquiry already.

    Requests that create their leads are kept apart by that alone, which hides a race for limits.
    """
    source = await api.create_source()
    await at_once(api.post(source, lead) for lead in LEADS)
    await few_at_once([api.close(one["id"]) for one in await api.list_active()])


async def two_limited(api: Api) -> tuple[int, int]:
    """Two operators, each with the limit."""
    first, second = [await api.create_operator(load_limit=LIMIT) for _ in range(2)]
    return first, second


def loads(active: list[Any]) -> Counter[int | None]:
    """How many active interactions each operator has; None has those that wait."""
    return Counter(one["operator_id"] for one in active)


def waiting(active: list[Any]) -> list[int]:
    """Those that wait, oldest first."""
    return [one["id"] for one in active if one["operator_id"] is None]


async def play_round(client: httpx.AsyncClient, sources: int, after: int) -> int:
    """Forty at once for two operators, five closed at once, a limit raised by seven.

    Args:
        client: speaks to the service.
        sources: how many sources the inquiries come through.
        after: the last interaction of the round before.

    Returns:
        The last interaction.

    """
    api = Api(client)
    first, second = await two_limited(api)
    weights = {first: 1, second: 1}
    source_ids = [await api.create_source(weights, enforce_load_limit=True) for _ in range(sources)]
    posted = await at_once(
        api.post(source_ids[turn % sources], lead) for turn, lead in enumerate(LEADS)
    )
    active = await api.list_active(after)
    queue = [one["id"] for one in active[2 * LIMIT :]]

    assert sorted(one["id"] for one in posted) == [one["id"] for one in active]
    assert {first: 5, second: 5, None: 30} == loads(active)
    assert queue == waiting(active)

    await at_once(api.close(one["id"]) for one in active[: 2 * LIMIT : 2])
    active = await api.list_active(after)

    assert {first: 5, second: 5, None: 25} == loads(active)
    assert queue[5:] == waiting(active)

    await api.update_operator(first, load_limit=LIMIT + 7)
    active = await api.list_active(after)

    assert {first: 12, second: 5, None: 18} == loads(active)
    assert queue[12:] == waiting(active)

    return int(active[-1]["id"])


@pytest.mark.parametrize("sources", [1, 2])
@pytest.mark.parametrize("rounds", [3, pytest.param(200, marks=pytest.mark.heavy)])
async def test_forty_returning_leads_meet(server: LiveServer, rounds: int, sources: int) -> None:
    """Limits hold to the one, over all sources, and whoever waited longest goes first."""
    async with new_client(server.url) as client:
        await know_the_leads(Api(client))
        last = len(LEADS)
        for _ in range(rounds):
            last = await play_round(client, sources, last)


async def test_source_that_leaves_load_out_still_adds_to_it(api: Api) -> None:
    """Only one source enforces the limit; what came through the other counts all the same."""
    operator = await api.create_operator(load_limit=LIMIT)
    free = await api.create_source({operator: 1})
    strict = await api.create_source({operator: 1}, enforce_load_limit=True)

    taken = [await api.post(free) for _ in range(LIMIT + 1)]
    waits = await api.post(strict)

    assert {operator} == {one["operator_id"] for one in taken}
    assert waits["operator_id"] is None

    await api.close(taken[0]["id"])

    assert [waits["id"]] == waiting(await api.list_active())

    await api.close(taken[1]["id"])

    assert [] == waiting(await api.list_active())


async def test_limit_lowered_below_the_load(api: Api) -> None:
    """Nobody loses what it has, and gets nothing more until its load is below the new limit."""
    operator = await api.create_operator(load_limit=LIMIT)
    source = await api.create_source({operator: 1}, enforce_load_limit=True)
    held = [await api.post(source) for _ in range(LIMIT)]
    queue = [(await api.post(source))["id"] for _ in range(3)]

    await api.update_operator(operator, load_limit=2)

    assert {operator: 5, None: 3} == loads(await api.list_active())

    for one in held[:3]:
        await api.close(one["id"])

    assert {operator: 2, None: 3} == loads(await api.list_active())

    await api.close(held[3]["id"])
    active = await api.list_active()

    assert {operator: 2, None: 2} == loads(active)
    assert queue[1:] == waiting(active)


async def test_limit_holds_while_staff_close_and_reassign(server: LiveServer) -> None:
    """Bots of two sources, staff and an onlooker at once: nobody ever has more than its limit."""
    random = Random(4)
    async with new_client(server.url) as client:
        api = Api(client)
        await know_the_leads(api)
        operators = [await api.create_operator(load_limit=LIMIT) for _ in range(3)]
        weights = dict.fromkeys(operators, 1)
        sources = [await api.create_source(weights, enforce_load_limit=True) for _ in range(2)]
        finished = asyncio.Event()

        async def bot(source: int) -> None:
            for _ in range(40):
                await api.post(source, random.choice(LEADS))

        async def move_one() -> httpx.Response | None:
            active = await api.list_active()
            if not active:
                return None
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

    refusals = {"nobody_else", "operator_at_limit", "interaction_closed"}
    assert refusals >= {one.json()["code"] for one in moved if one.status_code != 200}
    assert LIMIT == max(seen)
    # Whoever waits is younger than all who ever got somebody, and everybody's hands are full.
    ours = [one for one in all_of_them if one["source_id"] in sources and one["is_active"]]
    queue = waiting(ours)
    assert all(one["operator_id"] is None for one in ours if queue and one["id"] >= queue[0])
    assert not queue or {LIMIT} == {loads(ours)[operator] for operator in operators}
