"""Every move of an interaction is explained, in words and in fields."""

import asyncio
import json
from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from app.core.credits import INQUIRY
from app.core.distribution import Considered
from app.db.candidates import encode
from app.db.types import utc_now
from tests.support.api import Api
from tests.support.pages import walk
from tests.support.problems import read_problem
from tests.support.rows import Rows


async def assignments_of(api: Api, interaction: dict[str, Any]) -> list[dict[str, Any]]:
    """All moves of an interaction, oldest first."""
    moves: list[dict[str, Any]] = await api.call(
        "GET", f"/interactions/{interaction['id']}/assignments"
    )
    return moves


async def last_words(api: Api, interaction: dict[str, Any]) -> str:
    """The explanation of where an interaction is now."""
    return str((await assignments_of(api, interaction))[-1]["explanation"])


async def set_rules(api: Api, source: int, **rules: object) -> None:
    """Change a source's rules."""
    await api.call("PATCH", f"/sources/{source}", json=rules)


async def assign(api: Api, interaction: dict[str, Any], **body: int) -> Any:
    """The interaction after it was assigned anew."""
    return await api.call("POST", f"/interactions/{interaction['id']}/assign", json=body)


async def close(api: Api, interaction: dict[str, Any]) -> None:
    """Close an interaction."""
    await api.call("POST", f"/interactions/{interaction['id']}/close")


def considered(operator: int, weight: int, **fields: Any) -> dict[str, Any]:
    """A candidate as it is read."""
    nothing = {"credit": 0, "load": None, "load_limit": None, "passed_over": None}
    return {"operator_id": operator, "weight": weight, **nothing, **fields}


async def test_whose_turn_it_was(api: Api) -> None:
    """Under `smooth` each pick shows what everybody was owed before it."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    source = await api.create_source({maria: 3, boris: 1})

    before = utc_now().isoformat()
    first, second = await api.post(source), await api.post(source)
    [one], [other] = await assignments_of(api, first), await assignments_of(api, second)

    assert {
        "id": one["id"],
        "operator_id": maria,
        "reason": "selected",
        "strategy": "smooth",
        "explanation": (
            "Maria (operator 1) was next in turn, with weight 3 of 4 among those available."
        ),
        "candidates": [considered(maria, 3), considered(boris, 1)],
        "created_at": one["created_at"],
    } == one
    assert before[:19] <= one["created_at"] <= other["created_at"]
    assert one["id"] < other["id"]
    assert [
        considered(maria, 3, credit=-0.25),
        considered(boris, 1, credit=0.25),
    ] == other["candidates"]


async def test_who_was_drawn_by_lot(api: Api) -> None:
    """Under `random` the words say by what chance."""
    operators = {await api.create_operator("Maria"): 3, await api.create_operator("Boris"): 1}
    source = await api.create_source(operators)
    await set_rules(api, source, strategy="random")

    interaction = await api.post(source)
    [move] = await assignments_of(api, interaction)

    name = {1: "Maria", 2: "Boris"}[interaction["operator_id"]]
    weight = operators[interaction["operator_id"]]
    assert ("selected", "random") == (move["reason"], move["strategy"])
    assert (
        f"{name} (operator {interaction['operator_id']}) was drawn by lot,"
        f" with weight {weight} of 4 among those available."
    ) == move["explanation"]


async def test_why_the_others_were_passed_over(api: Api) -> None:
    """Each that could not be picked is named with the reason, the same in words and in fields."""
    maria = await api.create_operator("Maria")
    boris = await api.create_operator("Boris", load_limit=1)
    away = await api.create_operator("Ivan", active=False, load_limit=7)
    weightless = await api.create_operator("Olga")
    await api.post(await api.create_source({boris: 1}))
    source = await api.create_source({maria: 2, boris: 30, away: 4, weightless: 0})
    await set_rules(api, source, enforce_load_limit=True)

    [move] = await assignments_of(api, await api.post(source))

    assert [
        considered(maria, 2),
        considered(boris, 30, load=1, load_limit=1, passed_over="at_limit"),
        considered(away, 4, load=0, load_limit=7, passed_over="inactive"),
        considered(weightless, 0, passed_over="zero_weight"),
    ] == move["candidates"]
    assert (
        "Maria (operator 1) was the only one available. Passed over: Boris (operator 2), at the"
        " limit of 1; Ivan (operator 3), inactive; Olga (operator 4), with weight 0."
    ) == move["explanation"]


async def test_limit_that_is_not_enforced_passes_nobody_over(api: Api) -> None:
    """The limit is shown, the load was not looked at."""
    maria = await api.create_operator("Maria", load_limit=0)
    source = await api.create_source({maria: 1})

    [move] = await assignments_of(api, await api.post(source))

    assert [considered(maria, 1, load_limit=0)] == move["candidates"]
    assert "Maria (operator 1) was the only one available." == move["explanation"]


async def test_returning_lead(api: Api) -> None:
    """Where a source is sticky, the words name the lead's operator, and no strategy was asked."""
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
        considered(maria, 1, credit=-0.5),
        considered(boris, 1, credit=0.5),
    ] == move["candidates"]


async def test_returning_lead_whose_operator_is_away(api: Api) -> None:
    """Why it did not go to the usual one is said, too."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    source = await api.create_source({maria: 1, boris: 1})
    await set_rules(api, source, sticky=True)
    await api.post(source)
    await api.call("PATCH", f"/operators/{maria}", json={"active": False})

    [move] = await assignments_of(api, await api.post(source))

    assert ("selected", "smooth", boris) == (move["reason"], move["strategy"], move["operator_id"])
    assert (
        "Boris (operator 2) was the only one available. Passed over: Maria (operator 1), inactive."
    ) == move["explanation"]


async def test_wait_where_nobody_is_set(api: Api) -> None:
    """A source without operators has nobody to pass over."""
    [move] = await assignments_of(api, await api.post(await api.create_source()))

    assert (None, "waiting", None) == (move["operator_id"], move["reason"], move["strategy"])
    assert [] == move["candidates"]
    assert "It had to wait: its source has no operators." == move["explanation"]


async def test_wait_until_somebody_is_available(api: Api) -> None:
    """First why it waited, and once it went out of the queue how."""
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
        "It had waited until an operator was available. Maria (operator 1) was the only one"
        " available. Passed over: Boris (operator 2), inactive."
    ) == move["explanation"]
    assert [0, None] == [one["load"] for one in move["candidates"]]


async def test_choice_from_the_queue(api: Api) -> None:
    """Who is next in turn, or drawn by lot, says by what weight."""
    source = await api.create_source()
    operators = {await api.create_operator("Maria"): 3, await api.create_operator("Boris"): 1}

    waiting = await api.post(source)
    await api.set_weights(source, operators)

    assert (
        "It had waited until an operator was available. Maria (operator 1) was next in turn,"
        " with weight 3 of 4 among those available."
    ) == await last_words(api, waiting)


async def test_returning_lead_from_the_queue(api: Api) -> None:
    """Who waits is given to the usual operator as well."""
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


async def test_wait_behind_others(api: Api, rows: Rows) -> None:
    """While a long queue is being given out, who comes waits though somebody is there."""
    maria = await api.create_operator("Maria", active=False)
    source = await api.create_source({maria: 1})
    await api.post(source)
    # As a long queue stands after the first of the transactions that give it out.
    rows.execute("UPDATE operators SET active = TRUE")

    latest = await api.post(source)
    [move] = await assignments_of(api, latest)

    assert (None, "waiting", None) == (move["operator_id"], move["reason"], move["strategy"])
    assert [considered(maria, 1)] == move["candidates"]
    assert "It had to wait behind older ones, which go first." == move["explanation"]


async def test_given_by_hand(api: Api) -> None:
    """Staff may name anybody, in the source's rotation or not."""
    maria, boris = await api.create_operator("Maria"), await api.create_operator("Boris")
    source = await api.create_source({maria: 1})

    interaction = await api.post(source)
    await assign(api, interaction, operator_id=boris)
    first, move = await assignments_of(api, interaction)

    assert maria == first["operator_id"]
    assert (boris, "manual", None) == (move["operator_id"], move["reason"], move["strategy"])
    assert [considered(maria, 1)] == move["candidates"]
    assert "It was given to Boris (operator 2) by hand." == move["explanation"]


async def test_given_by_hand_to_whoever_has_it(api: Api) -> None:
    """What changes nothing is no move."""
    maria = await api.create_operator("Maria")
    interaction = await api.post(await api.create_source({maria: 1}))

    assert interaction == await assign(api, interaction, operator_id=maria)
    assert 1 == len(await assignments_of(api, interaction))


@pytest.mark.parametrize(
    ("strategy", "how"), [("smooth", "was next in turn"), ("random", "was drawn by lot")]
)
async def test_chosen_again(api: Api, strategy: str, how: str) -> None:
    """Whoever had it takes no part: the weights in the words are those of the others."""
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
        "It was to go to an operator other than Maria (operator 1)."
        f" {name} (operator {chosen['operator_id']}) {how},"
        " with weight 3 of 6 among those available."
    ) == move["explanation"]


async def test_chosen_again_with_one_other(api: Api) -> None:
    """Who had it is not said to be passed over, even at the limit."""
    maria = await api.create_operator("Maria", load_limit=1)
    boris = await api.create_operator("Boris")
    away = await api.create_operator("Ivan", active=False)
    source = await api.create_source({maria: 60, boris: 1, away: 1})
    await set_rules(api, source, enforce_load_limit=True)

    interaction = await api.post(source)
    await assign(api, interaction)

    assert (
        "It was to go to an operator other than Maria (operator 1). Boris (operator 2) was the only"
        " one available. Passed over: Ivan (operator 3), inactive."
    ) == await last_words(api, interaction)


async def test_refused_move_leaves_no_trace(api: Api, client: httpx.AsyncClient) -> None:
    """Where nobody else is there, nothing moved."""
    interaction = await api.post(await api.create_source({await api.create_operator(): 1}))

    response = await client.post(f"/interactions/{interaction['id']}/assign", json={})

    read_problem(response, 409, "nobody_else")
    assert 1 == len(await assignments_of(api, interaction))


async def test_words_go_by_the_present_name(api: Api) -> None:
    """Who has changed her name is found under the new one."""
    maria = await api.create_operator("Maria Petrova")
    interaction = await api.post(await api.create_source({maria: 1}))
    await api.call("PATCH", f"/operators/{maria}", json={"name": "Maria Ivanova"})

    assert "Maria Ivanova (operator 1) was the only one available." == await last_words(
        api, interaction
    )


async def test_closed_interaction_keeps_its_moves(api: Api) -> None:
    """Closing is no move."""
    interaction = await api.post(await api.create_source({await api.create_operator(): 1}))
    before = await assignments_of(api, interaction)
    await close(api, interaction)

    assert before == await assignments_of(api, interaction)


async def test_each_of_a_batch_has_its_own_reasons(api: Api) -> None:
    """Inquiries written in one transaction see the loads that the earlier ones left."""
    maria = await api.create_operator("Maria", load_limit=2)
    source = await api.create_source({maria: 1})
    await set_rules(api, source, enforce_load_limit=True)

    posted = await asyncio.gather(*(api.post(source, f"lead{n}@example.com") for n in range(4)))
    moves = [
        (await assignments_of(api, one))[0] for one in sorted(posted, key=lambda one: one["id"])
    ]

    assert ["selected", "selected", "waiting", "waiting"] == [move["reason"] for move in moves]
    assert [0, 1, 2, 2] == [move["candidates"][0]["load"] for move in moves]


async def test_moves_of_an_unknown_interaction(client: httpx.AsyncClient) -> None:
    """There is nothing to explain."""
    read_problem(await client.get("/interactions/7/assignments"), 404, "interaction_not_found")


@pytest.fixture
async def moved(api: Api) -> dict[str, Any]:
    """An interaction that waited, and went eight times between two operators."""
    maria = await api.create_operator("Maria", active=False)
    boris = await api.create_operator("Boris")
    source = await api.create_source({maria: 1, boris: 0})
    interaction: dict[str, Any] = await api.post(source)
    await api.update_operator(maria, active=True)
    await api.set_weights(source, {maria: 1, boris: 1})
    for _ in range(8):
        await assign(api, interaction)
    return interaction


async def test_moves_in_pages(api: Api, client: httpx.AsyncClient, moved: dict[str, Any]) -> None:
    """Each comes once, explained as on one page: also the first of a page, by the one before."""
    path = f"/interactions/{moved['id']}/assignments"
    whole = await assignments_of(api, moved)

    pages = await walk(client, f"{path}?limit=3")

    assert [3, 3, 3, 1] == [len(page) for page in pages]
    assert whole == [move for page in pages for move in page]
    assert whole[1]["explanation"].startswith("It had waited")
    assert whole[3]["explanation"].startswith("It was to go to an operator other than Boris")
    assert whole[6]["explanation"].startswith("It was to go to an operator other than Maria")
    assert [] == await api.call("GET", f"{path}?after={whole[-1]['id']}")


async def test_page_of_moves_is_bounded(
    api: Api, client: httpx.AsyncClient, rows: Rows, moved: dict[str, Any]
) -> None:
    """It ends after about 1 MiB, however many operators each move considers; the next goes on."""
    present = [Considered(id, 1_000_000, INQUIRY // 7, 9, 10, None) for id in (1, 2)]
    away = [Considered(id, 1_000_000, -INQUIRY // 7, 9, 10, "inactive") for id in range(3, 1001)]
    candidates = encode(present + away)
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
    """Whatever their weights and limits are; in every field, with credits that sum to zero."""
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
    had = Counter(one["operator_id"] for one in posted[:-1])
    assert [
        considered(
            id,
            weights[id],
            credit=one["credit"],
            load=None if limit is None else had[id],
            load_limit=limit,
            passed_over=None if weights[id] else "zero_weight",
        )
        for (id, limit), one in zip(limits.items(), move["candidates"], strict=True)
    ] == move["candidates"]
    total = sum(weights.values())
    assert [
        pytest.approx(4 * weight / total - had[id], abs=1e-6) for id, weight in weights.items()
    ] == [one["credit"] for one in move["candidates"]]
