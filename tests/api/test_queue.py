"""The queue: any event that frees capacity assigns all that it can, oldest first."""

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
"""Fields of an operator that gets nothing, its weight, and the call that changes this."""


@pytest.mark.parametrize("name", EVENTS)
async def test_thousands_are_assigned(api: Api, rows: Rows, name: str) -> None:
    """Before the response all are assigned, in the order in which they came."""
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


async def test_first_weights(api: Api, rows: Rows) -> None:
    """The queue of a source without operators is distributed evenly by its first weights."""
    operators = [await api.create_operator() for _ in range(3)]
    source = await api.create_source()
    queue = queue_up(rows, 3000, source)

    await api.set_weights(source, dict(zip(operators, (1, 2, 7), strict=True)))

    assert queue == given_out(rows)
    assert dict(zip(operators, (300, 600, 2100), strict=True)) == dict(
        rows.execute("SELECT operator_id, count(*) FROM interactions GROUP BY operator_id")
    )


async def test_raised_limit(api: Api, rows: Rows) -> None:
    """The 1,700 oldest of some three thousand are assigned, and no more."""
    operator = await api.create_operator(load_limit=0)
    source = await api.create_source({operator: 1}, enforce_load_limit=True)
    queue = queue_up(rows, MANY, source)

    await api.update_operator(operator, load_limit=1700)

    assert queue[:1700] == given_out(rows)
    assert queue[1700:] == still_waiting(rows)


async def test_queues_of_several_sources(api: Api, rows: Rows) -> None:
    """Three sources share an operator with capacity for 2,000: the oldest of all go first."""
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
    """One source stops at the limit, the other ignores it: its queue is assigned to the end."""
    operator = await api.create_operator(active=False, load_limit=3)
    strict = await api.create_source({operator: 1}, enforce_load_limit=True)
    lax = await api.create_source({operator: 1})
    stays = queue_up(rows, CHUNK - 100, strict)
    goes = queue_up(rows, free, lax)

    await api.update_operator(operator, active=True)

    assert [*stays[:3], *goes] == given_out(rows)
    assert stays[3:] == still_waiting(rows)


async def test_three_activated_at_once(server: LiveServer, rows: Rows) -> None:
    """Three requests assign one queue concurrently: each interaction once, and in order."""
    async with new_client(server.url) as client:
        api = Api(client)
        operators = [await api.create_operator(active=False) for _ in range(3)]
        source = await api.create_source(dict.fromkeys(operators, 1))
        queue = queue_up(rows, MANY, source)

        await at_once(api.update_operator(operator, active=True) for operator in operators)

    assert queue == given_out(rows)
    assert [] == still_waiting(rows)


async def test_many_closed_at_once(server: LiveServer, rows: Rows) -> None:
    """A hundred closes assign the hundred oldest, each once."""
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
async def test_closed_ten_times(server: LiveServer, rows: Rows, *, at_the_same_time: bool) -> None:
    """Ten closes of one interaction get equal responses and assign one waiting interaction."""
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


async def test_closed_while_waiting(api: Api, rows: Rows) -> None:
    """It is not assigned any more, and frees no capacity."""
    operator = await api.create_operator(load_limit=1)
    source = await api.create_source({operator: 1}, enforce_load_limit=True)
    held = await api.post(source)
    queue = queue_up(rows, 3, source)

    await api.close(queue[0])

    assert queue[1:] == still_waiting(rows)

    await api.close(held["id"])

    assert queue[2:] == still_waiting(rows)
    assert [held["id"], queue[1]] == given_out(rows)


async def test_assigned_to_another_operator(server: LiveServer, rows: Rows) -> None:
    """An operator that loses fifty interactions gets the fifty oldest."""
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


async def test_intake_while_the_queue_is_assigned(server: LiveServer, rows: Rows) -> None:
    """Bots are answered while thousands are assigned, and their inquiries wait behind these."""
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
    # Some were answered between two transactions that assigned from the queue.
    assert any(answer.json()["operator_id"] is None for answer in answers)
    reasons = Counter(
        rows.execute("SELECT reason FROM assignments WHERE interaction_id > ?", (queue[-1],))
    )
    assert reasons["waiting",] == reasons["from_queue",]


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """The statements that are executed within the block."""
    statements: list[str] = []

    def count(*details: Any) -> None:
        statements.append(details[2])

    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(Engine, "after_cursor_execute", count)


async def statements_of_activation(api: Api, rows: Rows, waiting: int) -> int:
    """The number of statements with which an activation assigns so many interactions."""
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
    """Any number within a chunk takes the same statements; each further chunk adds the same."""

    async def find_none(_: Database) -> dict[int, int]:
        return {}

    # The background task would look for queues, perhaps while the test assigns one.
    monkeypatch.setattr(stalled_queues, "find_available", find_none)
    sizes = [10, CHUNK - 1, 2 * CHUNK - 1, 3 * CHUNK - 1, 7 * CHUNK - 1]
    few, one, two, three, seven = [
        await statements_of_activation(api, rows, size) for size in sizes
    ]

    assert few == one
    assert two - one == three - two
    assert seven - one == 6 * (two - one)
