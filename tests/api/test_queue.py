"""The queue: whatever frees capacity gives out all that can go, oldest first."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from app.background import stalled_queues
from app.db.database import Database
from app.services.queue import CHUNK
from tests.support.api import Api
from tests.support.load import at_once, few_at_once, keep_on, new_client
from tests.support.queues import given_out, queue_up, still_waiting
from tests.support.rows import Rows
from tests.support.server import LiveServer

MANY = 6 * CHUNK + 70

Event = Callable[[Api, int, int], Awaitable[Any]]

EVENTS: dict[str, tuple[dict[str, Any], int, Event]] = {
    "activation": (
        {"active": False},
        1,
        lambda api, operator, _: api.update_operator(operator, active=True),
    ),
    "raised limit": (
        {"load_limit": 0},
        1,
        lambda api, operator, _: api.update_operator(operator, load_limit=1_000_000),
    ),
    "limit cleared": (
        {"load_limit": 0},
        1,
        lambda api, operator, _: api.update_operator(operator, load_limit=None),
    ),
    "limits no longer enforced": (
        {"load_limit": 0},
        1,
        lambda api, _, source: api.update_source(source, enforce_load_limit=False),
    ),
    "weight raised from 0": (
        {},
        0,
        lambda api, operator, source: api.set_weights(source, {operator: 1}),
    ),
}
"""An operator that takes nothing, its weight, and what changes that."""


@pytest.mark.parametrize("name", EVENTS)
async def test_thousands_go_out_with_whatever_frees_capacity(
    api: Api, rows: Rows, name: str
) -> None:
    """Once it is answered nothing waits any more, and all went out in the order it came."""
    fields, weight, happens = EVENTS[name]
    operator = await api.create_operator(**fields)
    source = await api.create_source({operator: weight}, enforce_load_limit=True)
    queue = queue_up(rows, MANY, source)

    await happens(api, operator, source)

    assert [] == still_waiting(rows)
    assert queue == given_out(rows)
    assert [(operator, MANY)] == rows.execute(
        "SELECT operator_id, count(*) FROM interactions GROUP BY operator_id"
    ).fetchall()


async def test_first_weights_give_out_what_waits(api: Api, rows: Rows) -> None:
    """A source that nobody answered for: its queue is shared by the weights, evenly."""
    operators = [await api.create_operator() for _ in range(3)]
    source = await api.create_source()
    queue = queue_up(rows, 3000, source)

    await api.set_weights(source, dict(zip(operators, (1, 2, 7), strict=True)))

    assert queue == given_out(rows)
    assert dict(zip(operators, (300, 600, 2100), strict=True)) == dict(
        rows.execute("SELECT operator_id, count(*) FROM interactions GROUP BY operator_id")
    )


async def test_limit_raised_gives_out_no_more_than_it_allows(api: Api, rows: Rows) -> None:
    """Seventeen hundred of three thousand: the oldest, and then not one more."""
    operator = await api.create_operator(load_limit=0)
    source = await api.create_source({operator: 1}, enforce_load_limit=True)
    queue = queue_up(rows, MANY, source)

    await api.update_operator(operator, load_limit=1700)

    assert queue[:1700] == given_out(rows)
    assert queue[1700:] == still_waiting(rows)


async def test_queues_of_several_sources_go_out_by_age(api: Api, rows: Rows) -> None:
    """Three sources share an operator with room for two thousand: the oldest of all go first."""
    operator = await api.create_operator(active=False, load_limit=2000)
    weights = {operator: 1}
    sources = [await api.create_source(weights, enforce_load_limit=True) for _ in range(3)]
    queue = queue_up(rows, MANY, *sources)

    await api.update_operator(operator, active=True)

    assert queue[:2000] == given_out(rows)
    assert queue[2000:] == still_waiting(rows)


@pytest.mark.parametrize("free", [1, 99, 100, 101, CHUNK, CHUNK + 100])
async def test_operator_full_in_one_source_and_free_in_another(
    api: Api, rows: Rows, free: int
) -> None:
    """One source stops at the limit and the other does not ask: it goes out to the last one."""
    operator = await api.create_operator(active=False, load_limit=3)
    strict = await api.create_source({operator: 1}, enforce_load_limit=True)
    lax = await api.create_source({operator: 1})
    stays = queue_up(rows, CHUNK - 100, strict)
    goes = queue_up(rows, free, lax)

    await api.update_operator(operator, active=True)

    assert [*stays[:3], *goes] == given_out(rows)
    assert stays[3:] == still_waiting(rows)


async def test_three_activated_at_once(server: LiveServer, rows: Rows) -> None:
    """Three drains of one queue side by side: each goes out once, and still in order."""
    async with new_client(server.url) as client:
        api = Api(client)
        operators = [await api.create_operator(active=False) for _ in range(3)]
        source = await api.create_source(dict.fromkeys(operators, 1))
        queue = queue_up(rows, MANY, source)

        await at_once(api.update_operator(operator, active=True) for operator in operators)

    assert queue == given_out(rows)
    assert [] == still_waiting(rows)


async def test_many_closed_at_once(server: LiveServer, rows: Rows) -> None:
    """Each close lets one in: a hundred of them the hundred oldest, each once."""
    async with new_client(server.url) as client:
        api = Api(client)
        operator = await api.create_operator(load_limit=100)
        source = await api.create_source({operator: 1}, enforce_load_limit=True)
        held = queue_up(rows, 100, source)
        await api.update_operator(operator, name="Maria")
        queue = queue_up(rows, MANY, source)

        await few_at_once(api.close(id) for id in held)

    assert [*held, *queue[:100]] == given_out(rows)
    assert queue[100:] == still_waiting(rows)


@pytest.mark.parametrize("at_the_same_time", [True, False])
async def test_closed_again_and_again(
    server: LiveServer, rows: Rows, *, at_the_same_time: bool
) -> None:
    """Ten closes of one interaction are one: one answer, and one place for who waits."""
    async with new_client(server.url) as client:
        api = Api(client)
        operator = await api.create_operator(load_limit=1)
        source = await api.create_source({operator: 1}, enforce_load_limit=True)
        held = await api.post(source)
        queue = queue_up(rows, 30, source)

        if at_the_same_time:
            answers = await at_once(api.close(held["id"]) for _ in range(10))
        else:
            answers = [await api.close(held["id"]) for _ in range(10)]

    assert [answers[0]] * 10 == answers
    assert queue[1:] == still_waiting(rows)


async def test_waiting_one_closed_leaves_the_queue(api: Api, rows: Rows) -> None:
    """Who gave up is not given out any more, and lets nobody in."""
    operator = await api.create_operator(load_limit=1)
    source = await api.create_source({operator: 1}, enforce_load_limit=True)
    held = await api.post(source)
    queue = queue_up(rows, 3, source)

    await api.close(queue[0])

    assert queue[1:] == still_waiting(rows)

    await api.close(held["id"])

    assert queue[2:] == still_waiting(rows)
    assert [held["id"], queue[1]] == given_out(rows)


async def test_assigned_away_by_hand(server: LiveServer, rows: Rows) -> None:
    """Whoever is relieved of fifty takes the fifty oldest."""
    async with new_client(server.url) as client:
        api = Api(client)
        busy, helper = [await api.create_operator(load_limit=limit) for limit in (50, None)]
        source = await api.create_source({busy: 1}, enforce_load_limit=True)
        held = queue_up(rows, 50, source)
        await api.update_operator(busy, name="Maria")
        queue = queue_up(rows, MANY, source)

        await few_at_once(api.assign(id, helper) for id in held)

    assert queue[50:] == still_waiting(rows)
    assert {busy: 50, helper: 50, None: MANY - 50} == dict(
        rows.execute("SELECT operator_id, count(*) FROM interactions GROUP BY operator_id")
    )
    assert queue[:50] == [id for id in given_out(rows) if id not in held]


async def test_intake_goes_on_and_overtakes_nobody(server: LiveServer, rows: Rows) -> None:
    """Bots are answered while thousands go out, and wait behind them."""
    async with new_client(server.url) as client:
        api = Api(client)
        operators = [await api.create_operator(active=False) for _ in range(2)]
        source = await api.create_source(dict.fromkeys(operators, 1))
        queue = queue_up(rows, 2 * MANY, source)
        finished = asyncio.Event()

        def bot(name: int) -> "asyncio.Task[list[httpx.Response]]":
            inquiry = {"email": f"bot{name}@example.com", "source_id": source}
            return asyncio.create_task(
                keep_on(lambda: client.post("/interaction", json=inquiry), finished)
            )

        bots = [bot(name) for name in range(8)]
        await api.update_operator(operators[0], active=True)
        finished.set()
        answers = [answer for of_bot in await at_once(bots) for answer in of_bot]

    assert {201} == {answer.status_code for answer in answers}
    posted = sorted(answer.json()["id"] for answer in answers)
    assert [] == still_waiting(rows)
    assert [*queue, *posted] == given_out(rows)
    # Some were answered between two transactions of the drain.
    assert any(answer.json()["operator_id"] is None for answer in answers)
    reasons = Counter(
        rows.execute("SELECT reason FROM assignments WHERE interaction_id > ?", (queue[-1],))
    )
    assert reasons["waiting",] == reasons["from_queue",]


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that are executed while the block lasts."""
    statements: list[str] = []

    def count(*details: Any) -> None:
        statements.append(details[2])

    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(Engine, "after_cursor_execute", count)


async def statements_of_drain(api: Api, rows: Rows, waiting: int) -> int:
    """How many statements it takes to give out so many by an activation."""
    operators = [await api.create_operator(active=False) for _ in range(3)]
    source = await api.create_source(dict.fromkeys(operators, 1))
    queue_up(rows, waiting, source)
    with counted_statements() as statements:
        await api.update_operator(operators[0], active=True)

    assert [] == still_waiting(rows)
    return len(statements)


async def test_statements_grow_with_chunks_alone(
    api: Api, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten or a whole chunk less one cost the same; each further chunk costs the same again."""

    async def find_none(_: Database) -> dict[int, int]:
        return {}

    # The service itself looks for queues now and then, perhaps in the middle of a drain.
    monkeypatch.setattr(stalled_queues, "find_available", find_none)
    sizes = [10, CHUNK - 1, 2 * CHUNK - 1, 3 * CHUNK - 1, 7 * CHUNK - 1]
    few, one, two, three, seven = [await statements_of_drain(api, rows, size) for size in sizes]

    assert few == one
    assert two - one == three - two
    assert seven - one == 6 * (two - one)
