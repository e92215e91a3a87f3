"""Staff reassign interactions, to a named operator or by the source's rules."""

from itertools import pairwise

import httpx
import pytest

from tests.support.api import Api
from tests.support.load import at_once
from tests.support.problems import read_problem
from tests.support.rows import Rows


async def reasons(api: Api, interaction_id: int) -> list[tuple[str, int | None]]:
    """The reason and operator of each assignment of an interaction, oldest first."""
    moves = await api.call("GET", f"/interactions/{interaction_id}/assignments")
    return [(move["reason"], move["operator_id"]) for move in moves]


async def test_named_operator(api: Api) -> None:
    """Staff can name an operator outside the source's rotation, or with weight 0 in it."""
    present, weightless, stranger = [await api.create_operator() for _ in range(3)]
    source = await api.create_source({present: 1, weightless: 0})
    interaction = await api.post(source)

    for operator in (weightless, stranger):
        moved = await api.assign(interaction["id"], operator)

        assert {**interaction, "operator_id": operator} == moved
        assert moved == await api.call("GET", f"/interactions/{interaction['id']}")
    assert [("selected", present), ("manual", weightless), ("manual", stranger)] == await reasons(
        api, interaction["id"]
    )


async def test_present_operator_named(api: Api, rows: Rows) -> None:
    """The present operator keeps the interaction, even at its limit or inactive."""
    operator = await api.create_operator(load_limit=1)
    source = await api.create_source({operator: 1}, enforce_load_limit=True)
    interaction = await api.post(source)
    for changes in ({"name": "Anna"}, {"load_limit": 0}, {"active": False}):
        await api.update_operator(operator, **changes)
        before = rows.dump()

        assert interaction == await api.assign(interaction["id"], operator)
        assert before == rows.dump()


@pytest.mark.parametrize("body", [{}, {"operator_id": None}])
@pytest.mark.parametrize("rules", [{}, {"strategy": "random"}, {"sticky": True}])
async def test_another_operator_by_the_rules(
    api: Api, body: dict[str, None], rules: dict[str, object]
) -> None:
    """The rules choose again without the present operator, even where the source is sticky."""
    operators = [await api.create_operator() for _ in range(3)]
    heavy, light, inactive = operators
    source = await api.create_source({heavy: 1000, light: 1, inactive: 1000}, **rules)
    await api.update_operator(inactive, active=False)
    interaction = await api.post(source)
    seen = [interaction["operator_id"]]
    for _ in range(6):
        moved = await api.call("POST", f"/interactions/{interaction['id']}/assign", json=body)
        seen.append(moved["operator_id"])

    assert {heavy, light} == set(seen)
    assert all(before != after for before, after in pairwise(seen))


async def test_nobody_else(api: Api, client: httpx.AsyncClient, rows: Rows) -> None:
    """Without another available operator the request is refused, and nothing is written."""
    alone, inactive, full = [
        await api.create_operator(active=active, load_limit=limit)
        for active, limit in ((True, None), (False, None), (True, 0))
    ]
    held = await api.post(await api.create_source({alone: 1}))
    weights = dict.fromkeys([alone, inactive, full], 1)
    among_others = await api.post(await api.create_source(weights, enforce_load_limit=True))
    waits = await api.post(await api.create_source())
    before = rows.dump()

    for interaction in (held, among_others, waits):
        refused = await client.post(f"/interactions/{interaction['id']}/assign", json={})

        read_problem(refused, 409, "nobody_else")
    assert before == rows.dump()


async def test_refusals(api: Api, client: httpx.AsyncClient, rows: Rows) -> None:
    """Each refusal has its own code, and changes nothing."""
    present, inactive, full, free = [
        await api.create_operator(active=active, load_limit=limit)
        for active, limit in ((True, None), (False, None), (True, 1), (True, 1))
    ]
    source = await api.create_source({present: 1, full: 0}, enforce_load_limit=True)
    interaction, closed = [(await api.post(source))["id"] for _ in range(2)]
    await api.close(closed)
    await api.assign((await api.post(source))["id"], full)
    before = rows.dump()

    for interaction_id, body, status, code in (
        (closed, {"operator_id": free}, 409, "interaction_closed"),
        (closed, {"operator_id": present}, 409, "interaction_closed"),
        (closed, {}, 409, "interaction_closed"),
        (interaction, {"operator_id": inactive}, 409, "operator_inactive"),
        (interaction, {"operator_id": full}, 409, "operator_at_limit"),
        (interaction, {"operator_id": free + 1}, 404, "operator_not_found"),
        (interaction + 1000, {"operator_id": free}, 404, "interaction_not_found"),
        (interaction + 1000, {}, 404, "interaction_not_found"),
        (interaction, {"operator_id": "1"}, 422, "invalid_request"),
        (interaction, {"operator": free}, 422, "invalid_request"),
    ):
        refused = await client.post(f"/interactions/{interaction_id}/assign", json=body)

        read_problem(refused, status, code)
    assert before == rows.dump()


async def test_limit_that_is_not_enforced(api: Api) -> None:
    """A manual assignment respects a limit only where the source enforces it."""
    present, full = [await api.create_operator(load_limit=limit) for limit in (None, 0)]
    interaction = await api.post(await api.create_source({present: 1}))

    assert full == (await api.assign(interaction["id"], full))["operator_id"]


async def test_freed_operator_takes_from_the_queue(api: Api, client: httpx.AsyncClient) -> None:
    """Before the response, it gets the longest waiting interaction of any of its sources."""
    busy, helper = [await api.create_operator(load_limit=limit) for limit in (1, 2)]
    first, second = [await api.create_source({busy: 1}, enforce_load_limit=True) for _ in range(2)]
    held = await api.post(first)
    queue = [(await api.post(source))["id"] for source in (second, first, second)]

    await api.assign(held["id"], helper)

    listed = await api.call("GET", "/interactions?waiting=true")
    assert queue[1:] == [interaction["id"] for interaction in listed]
    assert [("waiting", None), ("from_queue", busy)] == await reasons(api, queue[0])

    # Assigning a waiting interaction manually frees no capacity.
    await api.assign(queue[2], helper)
    refused = await client.post(f"/interactions/{queue[1]}/assign", json={"operator_id": helper})

    read_problem(refused, 409, "operator_at_limit")
    listed = await api.call("GET", "/interactions?waiting=true")
    assert [queue[1]] == [interaction["id"] for interaction in listed]
    assert [("waiting", None), ("manual", helper)] == await reasons(api, queue[2])


async def test_two_full_operators(api: Api) -> None:
    """The operator whose limit was raised takes over; the next inquiry gets the freed capacity."""
    first, second = [await api.create_operator(load_limit=1) for _ in range(2)]
    source = await api.create_source({first: 1, second: 1}, enforce_load_limit=True)
    posted = [await api.post(source) for _ in range(2)]
    held = {interaction["operator_id"]: interaction["id"] for interaction in posted}
    other = await api.create_source({second: 1}, enforce_load_limit=True)
    await api.update_operator(second, load_limit=2)

    moved = await api.assign(held[first])
    refilled = await api.post(source)
    waits = await api.post(other)

    assert second == moved["operator_id"]
    assert first == refilled["operator_id"]
    assert waits["operator_id"] is None


async def test_concurrent_assignments_respect_the_limit(
    api: Api, client: httpx.AsyncClient
) -> None:
    """Of ten concurrent assignments to an operator with capacity for three, three succeed."""
    present, wanted = [await api.create_operator(load_limit=limit) for limit in (None, 3)]
    source = await api.create_source({present: 1}, enforce_load_limit=True)
    held = [(await api.post(source))["id"] for _ in range(10)]

    answers = await at_once(
        client.post(f"/interactions/{id}/assign", json={"operator_id": wanted}) for id in held
    )

    assert [200] * 3 + [409] * 7 == sorted(answer.status_code for answer in answers)
    assert 3 == sum(row["operator_id"] == wanted for row in await api.list_active())
