"""Every assignment of an interaction is explained, in text and in fields."""

import asyncio
import json
from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from app.core.credits import INQUIRY
from app.core.distribution import CandidateSnapshot
from app.db.candidates_column import encode
from app.db.types import utc_now
from tests.support.api import Api
from tests.support.pages import walk
from tests.support.problems import read_problem
from tests.support.rows import Rows


async def assignments_of(api: Api, interaction: dict[str, Any]) -> list[dict[str, Any]]:
    """All assignments of an interaction, oldest first."""
    moves: list[dict[str, Any]] = await api.call(
        "GET", f"/interactions/{interaction['id']}/assignments"
    )
    return moves


async def last_explanation(api: Api, interaction: dict[str, Any]) -> str:
    """The explanation of an interaction's latest assignment."""
    return str((await assignments_of(api, interaction))[-1]["explanation"])


async def set_rules(api: Api, source: int, **rules: object) -> None:
    """Change a source's rules."""
    await api.call("PATCH", f"/sources/{source}", json=rules)


async def assign(api: Api, interaction: dict[str, Any], **body: int) -> Any:
    """The interaction after it was assigned again."""
    return await api.call("POST", f"/interactions/{interaction['id']}/assign", json=body)


async def close(api: Api, interaction: dict[str, Any]) -> None:
    """Close an interaction."""
    await api.call("POST", f"/interactions/{interaction['id']}/close")


def read_candidate(operator: int, weight: int, **fields: Any) -> dict[str, Any]:
    """A candidate as the API shows it."""
    nothing = {"credit": 0, "load": None, "load_limit": None, "passed_over": None}
    return {"operator_id": operator, "weight": weight, **nothing, **fields}


async def test_selected_in_turn(api: Api) -> None:
    """Under `smooth` each assignment shows the credits before it."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    source = await api.create_source({maria: 3, boris: 1})

    before = utc_now().isoformat()
    first, second = await api.post(source), await api.post(source)
    [earlier], [later] = await assignments_of(api, first), await assignments_of(api, second)

    assert {
        "id": earlier["id"],
        "operator_id": maria,
        "reason": "selected",
        "strategy": "smooth",
        "explanation": (
            "Maria (operator 1) was next in turn, with weight 3 of 4 among those available."
        ),
        "candidates": [read_candidate(maria, 3), read_candidate(boris, 1)],
        "created_at": earlier["created_at"],
    } == earlier
    assert before[:19] <= earlier["created_at"] <= later["created_at"]
    assert earlier["id"] < later["id"]
    assert [
        read_candidate(maria, 3, credit=-0.25),
        read_candidate(boris, 1, credit=0.25),
    ] == later["candidates"]


async def test_selected_by_lot(api: Api) -> None:
    """Under `random` the explanation gives the weights of the draw."""
    operators = {await api.create_operator("Maria"): 3, await api.create_operator("Boris"): 1}
    source = await api.create_source(operators)
    await set_rules(api, source, strategy="random")

    interaction = await api.post(source)
    [move] = await assignments_of(api, interaction)

    name = {1: "Maria", 2: "Boris"}[interaction["operator_id"]]
    weight = operators[interaction["operator_id"]]
    assert ("selected", "random") == (move["reason"], move["strategy"])
    assert (
        f"{name} (operator {interaction['operator_id']}) was drawn at random,"
        f" with weight {weight} of 4 among those available."
    ) == move["explanation"]


async def test_reasons_for_passing_over(api: Api) -> None:
    """Each ineligible candidate is named with the reason, the same in text and in fields."""
    maria = await api.create_operator("Maria")
    boris = await api.create_operator("Boris", load_limit=1)
    inactive = await api.create_operator("Ivan", active=False, load_limit=7)
    weightless = await api.create_operator("Olga")
    await api.post(await api.create_source({boris: 1}))
    source = await api.create_source({maria: 2, boris: 30, inactive: 4, weightless: 0})
    await set_rules(api, source, enforce_load_limit=True)

    [move] = await assignments_of(api, await api.post(source))

    assert [
        read_candidate(maria, 2),
        read_candidate(boris, 30, load=1, load_limit=1, passed_over="at_limit"),
        read_candidate(inactive, 4, load=0, load_limit=7, passed_over="inactive"),
        read_candidate(weightless, 0, passed_over="zero_weight"),
    ] == move["candidates"]
    assert (
        "Maria (operator 1) was the only available operator."
        " Passed over: Boris (operator 2), at the"
        " limit of 1; Ivan (operator 3), inactive; Olga (operator 4), with weight 0."
    ) == move["explanation"]


async def test_limit_that_is_not_enforced(api: Api) -> None:
    """The limit is shown, but the load is not counted."""
    maria = await api.create_operator("Maria", load_limit=0)
    source = await api.create_source({maria: 1})

    [move] = await assignments_of(api, await api.post(source))

    assert [read_candidate(maria, 1, load_limit=0)] == move["candidates"]
    assert "Maria (operator 1) was the only available operator." == move["explanation"]


async def test_returning_lead(api: Api) -> None:
    """With a sticky source the explanation names the lead's operator; no strategy is used."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    source = await api.create_source({maria: 1, boris: 1})
    await set_rules(api, source, sticky=True)

    first = await api.post(source)
    [move] = await assignments_of(api, await api.post(source))

    assert maria == first["operator_id"] == move["operator_id"]
    assert ("sticky", None) == (move["reason"], move["strategy"])
    assert (
        "Maria (operator 1) was the lead's latest operator, and available." == move["explanation"]
    )
    assert [
        read_candidate(maria, 1, credit=-0.5),
        read_candidate(boris, 1, credit=0.5),
    ] == move["candidates"]


async def test_returning_lead_whose_operator_is_inactive(api: Api) -> None:
    """The explanation says why the lead's operator was passed over."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    source = await api.create_source({maria: 1, boris: 1})
    await set_rules(api, source, sticky=True)
    await api.post(source)
    await api.call("PATCH", f"/operators/{maria}", json={"active": False})

    [move] = await assignments_of(api, await api.post(source))

    assert ("selected", "smooth", boris) == (move["reason"], move["strategy"], move["operator_id"])
    assert (
        "Boris (operator 2) was the only available operator."
        " Passed over: Maria (operator 1), inactive."
    ) == move["explanation"]


async def test_wait_without_operators(api: Api) -> None:
    """A source without operators has no candidates."""
    [move] = await assignments_of(api, await api.post(await api.create_source()))

    assert (None, "waiting", None) == (move["operator_id"], move["reason"], move["strategy"])
    assert [] == move["candidates"]
    assert "It had to wait: its source has no operators." == move["explanation"]


async def test_wait_until_an_operator_is_available(api: Api) -> None:
    """The first assignment says why it waited, the second how it left the queue."""
    maria = await api.create_operator("Maria", load_limit=1)
    boris = await api.create_operator("Boris", active=False)
    source = await api.create_source({maria: 3, boris: 1})
    await set_rules(api, source, enforce_load_limit=True)

    given, waiting = await api.post(source), await api.post(source)
    await close(api, given)
    wait, move = await assignments_of(api, waiting)

    assert (None, "waiting", None) == (wait["operator_id"], wait["reason"], wait["strategy"])
    assert (
        "It had to wait: no operator was available. Passed over: Maria (operator 1), at the limit"
        " of 1; Boris (operator 2), inactive."
    ) == wait["explanation"]
    assert (maria, "from_queue", "smooth") == (
        move["operator_id"],
        move["reason"],
        move["strategy"],
    )
    assert (
        "It had waited until an operator was available. Maria (operator 1) was the only"
        " available operator. Passed over: Boris (operator 2), inactive."
    ) == move["explanation"]
    assert [0, None] == [candidate["load"] for candidate in move["candidates"]]


async def test_choice_from_the_queue(api: Api) -> None:
    """The explanation gives the weight by which the operator was selected."""
    source = await api.create_source()
    operators = {await api.create_operator("Maria"): 3, await api.create_operator("Boris"): 1}

    waiting = await api.post(source)
    await api.set_weights(source, operators)

    assert (
        "It had waited until an operator was available. Maria (operator 1) was next in turn,"
        " with weight 3 of 4 among those available."
    ) == await last_explanation(api, waiting)


async def test_returning_lead_from_the_queue(api: Api) -> None:
    """A waiting interaction is assigned to its lead's latest operator as well."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    known = await api.post(await api.create_source({boris: 1}))
    source = await api.create_source()
    await set_rules(api, source, sticky=True)

    waiting = await api.post(source)
    await api.set_weights(source, {maria: 100, boris: 1})
    _, move = await assignments_of(api, waiting)

    assert boris == known["operator_id"] == move["operator_id"]
    assert ("from_queue", None) == (move["reason"], move["strategy"])
    assert (
        "It had waited until an operator was available."
        " Boris (operator 2) was the lead's latest operator, and available."
    ) == move["explanation"]


async def test_wait_behind_older_interactions(api: Api, rows: Rows) -> None:
    """While a long queue is being assigned, new inquiries wait even if an operator is available."""
    maria = await api.create_operator("Maria", active=False)
    source = await api.create_source({maria: 1})
    await api.post(source)
    # The state of a long queue after the first of the transactions that assign it.
    rows.execute("UPDATE operators SET active = TRUE")

    latest = await api.post(source)
    [move] = await assignments_of(api, latest)

    assert (None, "waiting", None) == (move["operator_id"], move["reason"], move["strategy"])
    assert [read_candidate(maria, 1)] == move["candidates"]
    assert (
        "It had to wait behind older interactions, which are assigned first." == move["explanation"]
    )


async def test_assigned_manually(api: Api) -> None:
    """Staff can name any operator, in the source's rotation or not."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    source = await api.create_source({maria: 1})

    interaction = await api.post(source)
    await assign(api, interaction, operator_id=boris)
    first, move = await assignments_of(api, interaction)

    assert maria == first["operator_id"]
    assert (boris, "manual", None) == (move["operator_id"], move["reason"], move["strategy"])
    assert [read_candidate(maria, 1)] == move["candidates"]
    assert "Staff assigned it to Boris (operator 2)." == move["explanation"]


async def test_assigned_manually_to_the_present_operator(api: Api) -> None:
    """An assignment that changes nothing is not recorded."""
    maria = await api.create_operator("Maria")
    interaction = await api.post(await api.create_source({maria: 1}))

    assert interaction == await assign(api, interaction, operator_id=maria)
    assert 1 == len(await assignments_of(api, interaction))


@pytest.mark.parametrize(
    ("strategy", "how"), [("smooth", "was next in turn"), ("random", "was drawn at random")]
)
async def test_chosen_again(api: Api, strategy: str, how: str) -> None:
    """The present operator is excluded, from the weights in the explanation too."""
    maria = await api.create_operator("Maria")
    source = await api.create_source({maria: 60})
    interaction = await api.post(source)
    others = {await api.create_operator("Boris"): 3, await api.create_operator("Olga"): 3}
    await set_rules(api, source, strategy=strategy)
    await api.set_weights(source, {maria: 60, **others})

    chosen = await assign(api, interaction)
    _, move = await assignments_of(api, interaction)

    name = {2: "Boris", 3: "Olga"}[chosen["operator_id"]]
    assert ("selected", strategy) == (move["reason"], move["strategy"])
    assert (
        "Staff requested an operator other than Maria (operator 1)."
        f" {name} (operator {chosen['operator_id']}) {how},"
        " with weight 3 of 6 among those available."
    ) == move["explanation"]


async def test_chosen_again_with_one_other(api: Api) -> None:
    """The excluded operator is not listed as passed over, even at its limit."""
    maria = await api.create_operator("Maria", load_limit=1)
    boris = await api.create_operator("Boris")
    inactive = await api.create_operator("Ivan", active=False)
    source = await api.create_source({maria: 60, boris: 1, inactive: 1})
    await set_rules(api, source, enforce_load_limit=True)

    interaction = await api.post(source)
    await assign(api, interaction)

    assert (
        "Staff requested an operator other than Maria (operator 1). Boris (operator 2) was"
        " the only available operator. Passed over: Ivan (operator 3), inactive."
    ) == await last_explanation(api, interaction)


async def test_refused_assignment_is_not_recorded(api: Api, client: httpx.AsyncClient) -> None:
    """Without another available operator, nothing is recorded."""
    interaction = await api.post(await api.create_source({await api.create_operator(): 1}))

    response = await client.post(f"/interactions/{interaction['id']}/assign", json={})

    read_problem(response, 409, "nobody_else")
    assert 1 == len(await assignments_of(api, interaction))


async def test_explanation_uses_the_present_name(api: Api) -> None:
    """A renamed operator appears under its new name."""
    maria = await api.create_operator("Maria Petrova")
    interaction = await api.post(await api.create_source({maria: 1}))
    await api.call("PATCH", f"/operators/{maria}", json={"name": "Maria Ivanova"})

    assert "Maria Ivanova (operator 1) was the only available operator." == await last_explanation(
        api, interaction
    )


async def test_closing_is_not_recorded(api: Api) -> None:
    """Closing is not an assignment."""
    interaction = await api.post(await api.create_source({await api.create_operator(): 1}))
    before = await assignments_of(api, interaction)
    await close(api, interaction)

    assert before == await assignments_of(api, interaction)


async def test_batch_explains_each_assignment(api: Api) -> None:
    """Each inquiry of a transaction sees the loads left by those before it."""
    maria = await api.create_operator("Maria", load_limit=2)
    source = await api.create_source({maria: 1})
    await set_rules(api, source, enforce_load_limit=True)

    posted = await asyncio.gather(*(api.post(source, f"lead{n}@example.com") for n in range(4)))
    moves = [
        (await assignments_of(api, interaction))[0]
        for interaction in sorted(posted, key=lambda row: row["id"])
    ]

    assert ["selected", "selected", "waiting", "waiting"] == [move["reason"] for move in moves]
    assert [0, 1, 2, 2] == [move["candidates"][0]["load"] for move in moves]


async def test_assignments_of_an_unknown_interaction(client: httpx.AsyncClient) -> None:
    """The response is a 404."""
    read_problem(await client.get("/interactions/7/assignments"), 404, "interaction_not_found")


@pytest.fixture
async def moved(api: Api) -> dict[str, Any]:
    """An interaction that waited, and was then assigned eight times between two operators."""
    maria = await api.create_operator("Maria", active=False)
    boris = await api.create_operator("Boris")
    source = await api.create_source({maria: 1, boris: 0})
    interaction: dict[str, Any] = await api.post(source)
    await api.update_operator(maria, active=True)
    await api.set_weights(source, {maria: 1, boris: 1})
    for _ in range(8):
        await assign(api, interaction)
    return interaction


async def test_assignments_in_pages(
    api: Api, client: httpx.AsyncClient, moved: dict[str, Any]
) -> None:
    """Each appears once, explained as on a single page, even as the first of its page."""
    path = f"/interactions/{moved['id']}/assignments"
    whole = await assignments_of(api, moved)

    pages = await walk(client, f"{path}?limit=3")

    assert [3, 3, 3, 1] == [len(page) for page in pages]
    assert whole == [move for page in pages for move in page]
    assert whole[1]["explanation"].startswith("It had waited")
    assert whole[3]["explanation"].startswith("Staff requested an operator other than Boris")
    assert whole[6]["explanation"].startswith("Staff requested an operator other than Maria")
    assert [] == await api.call("GET", f"{path}?after={whole[-1]['id']}")


async def test_page_of_assignments_is_bounded(
    api: Api, client: httpx.AsyncClient, rows: Rows, moved: dict[str, Any]
) -> None:
    """A page ends after about 1 MiB, however many candidates each assignment has."""
    present = [CandidateSnapshot(id, 1_000_000, INQUIRY // 7, 9, 10, None) for id in (1, 2)]
    inactive = [
        CandidateSnapshot(id, 1_000_000, -INQUIRY // 7, 9, 10, "inactive") for id in range(3, 1001)
    ]
    candidates = encode(present + inactive)
    operators = ", ".join(f"({id}, 'Maria', TRUE)" for id in range(3, 1001))
    rows.executescript(f"INSERT INTO operators (id, name, active) VALUES {operators}")
    rows.execute("UPDATE assignments SET candidates = ?", [candidates])

    pages = await walk(client, f"/interactions/{moved['id']}/assignments?limit=1000")

    assert 10 == sum(len(page) for page in pages)
    assert 2 <= len(pages)
    assert max(len(json.dumps(page)) for page in pages) < 1.2 * 2**20


async def test_a_hundred_candidates_take_a_kilobyte_and_are_shown_whole(
    api: Api, rows: Rows
) -> None:
    """With any weights and limits; every field is read back, and the credits sum to zero."""
    random = Random(1)
    limits = {id: random.choice([None, random.randint(1, 10**6)]) for id in range(1, 101)}
    rows.executescript(
        "INSERT INTO operators (id, name, active, load_limit) VALUES "
        + ", ".join(f"({id}, 'Maria', TRUE, {limit or 'NULL'})" for id, limit in limits.items())
    )
    weights = {id: random.randint(0, 10**6) for id in limits}
    source = await api.create_source(weights, enforce_load_limit=True)
    posted = [await api.post(source, f"lead{turn}@example.com") for turn in range(5)]

    [[longest]] = rows.execute("SELECT max(length(candidates)) FROM assignments")
    assert 1024 >= longest
    [move] = await assignments_of(api, posted[-1])
    had = Counter(interaction["operator_id"] for interaction in posted[:-1])
    assert [
        read_candidate(
            id,
            weights[id],
            credit=candidate["credit"],
            load=None if limit is None else had[id],
            load_limit=limit,
            passed_over=None if weights[id] else "zero_weight",
        )
        for (id, limit), candidate in zip(limits.items(), move["candidates"], strict=True)
    ] == move["candidates"]
    total = sum(weights.values())
    assert [
        pytest.approx(4 * weight / total - had[id], abs=1e-6) for id, weight in weights.items()
    ] == [candidate["credit"] for candidate in move["candidates"]]
