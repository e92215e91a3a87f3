"""A preview predicts the next assignments, and writes nothing."""

from collections import Counter
from typing import Any

import httpx
import pytest

from tests.support.api import Api
from tests.support.problems import read_problem
from tests.support.rows import Rows

COUNT = 60

SCENES: dict[str, tuple[list[tuple[int, dict[str, Any]]], dict[str, Any]]] = {
    "skewed": ([(7, {}), (32, {}), (61, {})], {}),
    "one operator": ([(3, {})], {}),
    "no operators": ([], {}),
    "an inactive operator": ([(5, {}), (9, {"active": False}), (2, {}), (0, {})], {}),
    "limits": (
        [(1, {"load_limit": 20}), (2, {"load_limit": 12}), (3, {"load_limit": 15})],
        {"enforce_load_limit": True},
    ),
    "limits and an operator without one": (
        [(9, {"load_limit": 10}), (1, {}), (4, {"load_limit": 0})],
        {"enforce_load_limit": True},
    ),
    "limits that are not enforced": ([(1, {"load_limit": 3}), (2, {"load_limit": 3})], {}),
    "sticky": ([(1, {"load_limit": 9}), (5, {})], {"sticky": True, "enforce_load_limit": True}),
}
"""Weights and fields of a source's operators, and its rules."""


@pytest.mark.parametrize("posts_before", [7, pytest.param(0, marks=pytest.mark.heavy)])
@pytest.mark.parametrize("scene", SCENES)
async def test_preview_predicts_the_assignments(
    api: Api, rows: Rows, scene: str, posts_before: int
) -> None:
    """The service assigns inquiries of new leads in the order that the preview returned."""
    team, rules = SCENES[scene]
    weights = {await api.create_operator(**fields): weight for weight, fields in team}
    source = await api.create_source(weights, **rules)
    for turn in range(posts_before):
        await api.post(source, f"before{turn}@example.com")
    before = rows.dump()

    preview = await api.call("POST", f"/sources/{source}/preview", json={"count": COUNT})

    assert before == rows.dump()
    posted = [await api.post(source, f"lead{turn}@example.com") for turn in range(COUNT)]
    assert [interaction["operator_id"] for interaction in posted] == preview["sequence"]
    got = Counter(preview["sequence"])
    assert {row["operator_id"]: row["picks"] for row in preview["operators"]} == {
        operator: got[operator] for operator in weights
    }


@pytest.mark.parametrize("strategy", ["smooth", "random"])
async def test_other_weights_and_strategy(api: Api, rows: Rows, strategy: str) -> None:
    """Proposed weights take effect as if they were put, with the credits; nothing changes yet."""
    removed, kept, kept_too, added = [await api.create_operator() for _ in range(4)]
    source = await api.create_source({removed: 4, kept: 3, kept_too: 2})
    for turn in range(5):
        await api.post(source, f"before{turn}@example.com")
    weights = {kept: 2, kept_too: 3, added: 8}
    body = {
        "count": 26,
        "weights": [{"operator_id": id, "weight": weight} for id, weight in weights.items()],
        "strategy": strategy,
        "seed": 3,
    }
    before = rows.dump()

    preview = await api.call("POST", f"/sources/{source}/preview", json=body)

    assert before == rows.dump()
    assert {kept, kept_too, added} == set(preview["sequence"])
    assert {kept: 2 / 13, kept_too: 3 / 13, added: 8 / 13} == {
        row["operator_id"]: row["target_share"] for row in preview["operators"]
    }
    if strategy == "smooth":
        await api.set_weights(source, weights)
        posted = [await api.post(source, f"lead{turn}@example.com") for turn in range(26)]
        assert [interaction["operator_id"] for interaction in posted] == preview["sequence"]


async def test_seed_repeats_the_draw(api: Api) -> None:
    """The same seed draws the same operators, another seed other ones."""
    operators = [await api.create_operator() for _ in range(3)]
    source = await api.create_source(dict.fromkeys(operators, 1), strategy="random")

    async def draw(seed: int) -> list[int]:
        body = {"count": 200, "seed": seed}
        drawn: list[int] = (await api.call("POST", f"/sources/{source}/preview", json=body))[
            "sequence"
        ]
        return drawn

    assert await draw(1) == await draw(1)
    assert await draw(1) != await draw(2)


async def test_full_after(api: Api) -> None:
    """For each operator the pick that fills it: 0 if it is full, null if it never is."""
    full, soon, later, never = [
        await api.create_operator(load_limit=limit) for limit in (1, 2, 5, None)
    ]
    await api.post(await api.create_source({full: 1}))
    source = await api.create_source(
        dict.fromkeys([full, soon, later, never], 1), enforce_load_limit=True
    )

    preview = await api.call("POST", f"/sources/{source}/preview", json={"count": 20})

    sequence = preview["sequence"]
    filled = {row["operator_id"]: row["full_after"] for row in preview["operators"]}
    assert {full: 0, soon: 2, later: 5, never: 13} == {
        row["operator_id"]: row["picks"] for row in preview["operators"]
    }
    assert 0 == filled[full]
    assert filled[never] is None
    for operator, limit in ((soon, 2), (later, 5)):
        assert operator == sequence[filled[operator] - 1]
        assert limit == sequence[: filled[operator]].count(operator)


async def test_unknown_source_and_operator(api: Api, client: httpx.AsyncClient) -> None:
    """The response is a 404."""
    operator = await api.create_operator()
    source = await api.create_source({operator: 1})
    weights = [{"operator_id": operator + 1, "weight": 1}]

    unknown_source = await client.post(f"/sources/{source + 1}/preview", json={})
    unknown_operator = await client.post(f"/sources/{source}/preview", json={"weights": weights})

    read_problem(unknown_source, 404, "source_not_found")
    read_problem(unknown_operator, 404, "operator_not_found")
