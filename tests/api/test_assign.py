"""Staff hand interactions over, by name or to whoever is next."""

from itertools import pairwise

import httpx
import pytest

from tests.support.api import Api
from tests.support.load import at_once
from tests.support.problems import read_problem
from tests.support.rows import Rows


async def reasons(api: Api, interaction_id: int) -> list[tuple[str, int | None]]:
    """Why an interaction went where it went, move by move."""
    moves = await api.call("GET", f"/interactions/{interaction_id}/assignments")
    return [(one["reason"], one["operator_id"]) for one in moves]


async def test_to_an_operator_by_name(api: Api) -> None:
    """Even to one that does not answer for the source, or has weight 0 there."""
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


async def test_to_the_present_operator_changes_nothing(api: Api, rows: Rows) -> None:
    """It has it already, be it at its limit or inactive by now."""
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
async def test_to_anybody_but_the_present_one(
    api: Api, body: dict[str, None], rules: dict[str, object]
) -> None:
    """The source's rules choose again, without whoever has it: not even as its lead's own."""
    operators = [await api.create_operator() for _ in range(3)]
    heavy, light, away = operators
    source = await api.create_source({heavy: 1000, light: 1, away: 1000}, **rules)
    await api.update_operator(away, active=False)
    interaction = await api.post(source)
    seen = [interaction["operator_id"]]
    for _ in range(6):
        moved = await api.call("POST", f"/interactions/{interaction['id']}/assign", json=body)
        seen.append(moved["operator_id"])

    assert {heavy, light} == set(seen)
    assert all(before != after for before, after in pairwise(seen))


async def test_nobody_else(api: Api, client: httpx.AsyncClient, rows: Rows) -> None:
    """Alone, beside inactive and full ones, or with nobody at all: it stays where it is."""
    alone, away, full = [
        await api.create_operator(active=active, load_limit=limit)
        for active, limit in ((True, None), (False, None), (True, 0))
    ]
    held = await api.post(await api.create_source({alone: 1}))
    weights = dict.fromkeys([alone, away, full], 1)
    among_others = await api.post(await api.create_source(weights, enforce_load_limit=True))
    waits = await api.post(await api.create_source())
    before = rows.dump()

    for interaction in (held, among_others, waits):
        refused = await client.post(f"/interactions/{interaction['id']}/assign", json={})

        read_problem(refused, 409, "nobody_else")
    assert before == rows.dump()


async def test_refusals(api: Api, client: httpx.AsyncClient, rows: Rows) -> None:
    """What cannot be is refused by its own name, and changes nothing."""
    present, away, full, free = [
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
        (interaction, {"operator_id": away}, 409, "operator_inactive"),
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


async def test_limit_that_the_source_leaves_out_is_no_hindrance(api: Api) -> None:
    """By hand as by rule, a limit counts where it is enforced."""
    present, full = [await api.create_operator(load_limit=limit) for limit in (None, 0)]
    interaction = await api.post(await api.create_source({present: 1}))

    assert full == (await api.assign(interaction["id"], full))["operator_id"]


async def test_whoever_is_relieved_takes_from_the_queue(
    api: Api, client: httpx.AsyncClient
) -> None:
    """Its place goes to the oldest that waits, in any of its sources, before the answer."""
    busy, helper = [await api.create_operator(load_limit=limit) for limit in (1, 2)]
    first, second = [await api.create_source({busy: 1}, enforce_load_limit=True) for _ in range(2)]
    held = await api.post(first)
    queue = [(await api.post(source))["id"] for source in (second, first, second)]

    await api.assign(held["id"], helper)

    listed = await api.call("GET", "/interactions?waiting=true")
    assert queue[1:] == [one["id"] for one in listed]
    assert [("waiting", None), ("from_queue", busy)] == await reasons(api, queue[0])

    # One that waits may be given away by hand; nobody was relieved by that.
    await api.assign(queue[2], helper)
    refused = await client.post(f"/interactions/{queue[1]}/assign", json={"operator_id": helper})

    read_problem(refused, 409, "operator_at_limit")
    assert [queue[1]] == [one["id"] for one in await api.call("GET", "/interactions?waiting=true")]
    assert [("waiting", None), ("manual", helper)] == await reasons(api, queue[2])


async def test_chosen_again_from_one_to_the_other_and_its_place_filled(api: Api) -> None:
    """Of two full operators one gets room, and takes over; the place left goes to the queue."""
    first, second = [await api.create_operator(load_limit=1) for _ in range(2)]
    source = await api.create_source({first: 1, second: 1}, enforce_load_limit=True)
    held = {one["operator_id"]: one["id"] for one in [await api.post(source) for _ in range(2)]}
    other = await api.create_source({second: 1}, enforce_load_limit=True)
    await api.update_operator(second, load_limit=2)

    moved = await api.assign(held[first])
    refilled = await api.post(source)
    waits = await api.post(other)

    assert second == moved["operator_id"]
    assert first == refilled["operator_id"]
    assert waits["operator_id"] is None


async def test_three_places_and_ten_hands(api: Api, client: httpx.AsyncClient) -> None:
    """Ten interactions handed at once to one with room for three: three arrive."""
    present, wanted = [await api.create_operator(load_limit=limit) for limit in (None, 3)]
    source = await api.create_source({present: 1}, enforce_load_limit=True)
    held = [(await api.post(source))["id"] for _ in range(10)]

    answers = await at_once(
        client.post(f"/interactions/{id}/assign", json={"operator_id": wanted}) for id in held
    )

    assert [200] * 3 + [409] * 7 == sorted(answer.status_code for answer in answers)
    assert 3 == sum(one["operator_id"] == wanted for one in await api.list_active())
