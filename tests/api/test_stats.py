"""Reports: what each operator got from a source, and its load."""

import itertools
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.support.api import Api
from tests.support.pages import walk
from tests.support.rows import Rows

EMPTY = {
    "weight": 0,
    "interactions": 0,
    "target": 0,
    "share": None,
    "target_share": None,
    "deviation": None,
    "lost_to_limit": 0,
    "lost_to_inactivity": 0,
}


async def report(api: Api, source: int, **period: str) -> dict[str, Any]:
    """The report on a source."""
    answer: dict[str, Any] = await api.call("GET", f"/stats/sources/{source}", params=period)
    return answer


async def column(api: Api, source: int, name: str, **period: str) -> list[Any]:
    """One figure of each operator in a source's report, by operator id."""
    return [operator[name] for operator in (await report(api, source, **period))["operators"]]


async def post_many(api: Api, source: int, count: int) -> list[dict[str, Any]]:
    """Send `count` inquiries of new leads, one after another."""
    return [await api.post(source, f"lead{source}-{number}@example.com") for number in range(count)]


async def sums(api: Api, source: int) -> dict[str, int]:
    """The numbers of assigned and of waiting interactions of a source."""
    answer = await report(api, source)
    return {name: answer[name] for name in ("interactions", "waiting")}


async def act(api: Api, interaction: Mapping[str, Any], action: str, **body: int) -> None:
    """Close or assign an interaction."""
    content = {} if action == "close" else {"json": body}
    await api.call("POST", f"/interactions/{interaction['id']}/{action}", **content)


async def change_operator(api: Api, operator: int, **changes: object) -> None:
    """Change an operator."""
    await api.call("PATCH", f"/operators/{operator}", json=changes)


async def enforcing_source(api: Api, weights: Mapping[int, int]) -> int:
    """A source that enforces load limits."""
    source = await api.create_source(weights)
    await api.call("PATCH", f"/sources/{source}", json={"enforce_load_limit": True})
    return source


async def test_source_without_inquiries(api: Api) -> None:
    """Without inquiries no operator has a share."""
    maria = await api.create_operator()
    source = await api.create_source({maria: 3})

    assert {
        "interactions": 0,
        "waiting": 0,
        "operators": [{"operator_id": maria, **EMPTY, "weight": 3}],
    } == await report(api, source)


async def test_source_without_operators(api: Api) -> None:
    """Waiting interactions are counted, though there is no operator to list."""
    source = await api.create_source()
    await post_many(api, source, 2)

    assert {"interactions": 0, "waiting": 2, "operators": []} == await report(api, source)


async def test_shares_beside_targets(api: Api) -> None:
    """After a whole cycle of `smooth` no share deviates; after one more inquiry both do."""
    maria, boris = await api.create_operator(), await api.create_operator()
    source = await api.create_source({maria: 3, boris: 1})
    await post_many(api, source, 4)

    assert {
        "interactions": 4,
        "waiting": 0,
        "operators": [
            {
                "operator_id": maria,
                "weight": 3,
                "interactions": 3,
                "target": 3,
                "share": 0.75,
                "target_share": 0.75,
                "deviation": 0,
                "lost_to_limit": 0,
                "lost_to_inactivity": 0,
            },
            {
                "operator_id": boris,
                "weight": 1,
                "interactions": 1,
                "target": 1,
                "share": 0.25,
                "target_share": 0.25,
                "deviation": 0,
                "lost_to_limit": 0,
                "lost_to_inactivity": 0,
            },
        ],
    } == await report(api, source)

    await api.post(source)

    assert [4, 1] == await column(api, source, "interactions")
    assert [0.8, 0.2] == await column(api, source, "share")
    assert [pytest.approx(0.05), pytest.approx(-0.05)] == await column(api, source, "deviation")


async def test_sources_are_counted_apart(api: Api) -> None:
    """Interactions of another source are not in the report."""
    maria = await api.create_operator()
    source, other = [await api.create_source({maria: 1}) for _ in range(2)]
    await post_many(api, source, 2)
    await post_many(api, other, 1)

    assert [2] == await column(api, source, "interactions")
    assert [1] == await column(api, other, "interactions")


async def test_closing_changes_nothing(api: Api) -> None:
    """A closed interaction still counts for its operator."""
    source = await api.create_source({await api.create_operator(): 1})
    interactions = await post_many(api, source, 3)
    before = await report(api, source)
    for interaction in interactions:
        await act(api, interaction, "close")

    assert before == await report(api, source)


async def test_reassignment_moves_the_share_but_not_the_target(api: Api) -> None:
    """An interaction counts for its present operator; the targets stay."""
    maria, boris, olga = [await api.create_operator() for _ in range(3)]
    source = await api.create_source({maria: 1, boris: 1})
    interactions = await post_many(api, source, 4)
    await act(api, interactions[0], "assign", operator_id=boris)
    await act(api, interactions[1], "assign", operator_id=olga)
    await act(api, interactions[2], "assign")

    assert maria == interactions[0]["operator_id"] == interactions[2]["operator_id"]
    assert boris == interactions[1]["operator_id"]
    assert [0, 3, 1] == await column(api, source, "interactions")
    assert [0.5, 0.5, 0] == await column(api, source, "target_share")
    assert [-0.5, 0.25, 0.25] == await column(api, source, "deviation")


async def test_waiting_interaction_counts_once_it_is_assigned(api: Api) -> None:
    """An assignment from the queue counts as any other, at the weights of the moment."""
    maria = await api.create_operator(active=False)
    source = await api.create_source({maria: 1})
    await post_many(api, source, 3)

    waiting = await report(api, source)
    await change_operator(api, maria, active=True)

    assert (0, 3) == (waiting["interactions"], waiting["waiting"])
    assert {**EMPTY, "operator_id": maria, "weight": 1, "target": 3} == waiting["operators"][0]
    assigned = await report(api, source)
    assert (3, 0) == (assigned["interactions"], assigned["waiting"])
    assert [1] == await column(api, source, "target_share")


async def test_waiting_interaction_assigned_manually(api: Api) -> None:
    """Its target is as if it had been assigned by the rules: by weight, inactive ones included."""
    maria, boris, olga = [await api.create_operator(active=False) for _ in range(3)]
    source = await api.create_source({maria: 3, boris: 1})
    [interaction, _] = await post_many(api, source, 2)
    await change_operator(api, olga, active=True)
    await act(api, interaction, "assign", operator_id=olga)

    assert {"interactions": 1, "waiting": 1} == await sums(api, source)
    assert [0, 0, 1] == await column(api, source, "interactions")
    assert [1.5, 0.5, 0] == await column(api, source, "target")
    assert [0.75, 0.25, 0] == await column(api, source, "target_share")
    assert [0.75, 0.25, 0] == await column(api, source, "lost_to_inactivity")


async def test_waiting_interaction_assigned_manually_without_weights(api: Api) -> None:
    """It is the target of the operator that gets it, whatever weights are put later."""
    maria = await api.create_operator()
    source = await api.create_source()
    [interaction] = await post_many(api, source, 1)
    await act(api, interaction, "assign", operator_id=maria)
    await api.set_weights(source, {await api.create_operator(): 1})

    assert {"interactions": 1, "waiting": 0} == await sums(api, source)
    assert [1, 0] == await column(api, source, "target")
    assert [0, 0] == [deviation or 0 for deviation in await column(api, source, "deviation")]


async def test_waiting_interaction_closed(api: Api) -> None:
    """It waits no longer, and counts for no operator."""
    source = await api.create_source()
    [interaction] = await post_many(api, source, 1)
    await act(api, interaction, "close")

    assert {"interactions": 0, "waiting": 0, "operators": []} == await report(api, source)


async def test_targets_sum_to_the_interactions(api: Api) -> None:
    """To the last billionth, whatever happened to an interaction and whatever the weights."""
    first, second, full, inactive, outsider = operators = [
        await api.create_operator(load_limit=limit) for limit in (None, 4, 1, None, None)
    ]
    await change_operator(api, inactive, active=False)
    source = await enforcing_source(api, {first: 7, second: 3, full: 3, inactive: 100, outsider: 0})
    assigned = await post_many(api, source, 20)
    await act(api, assigned[0], "assign", operator_id=outsider)
    await act(api, assigned[1], "assign")
    await act(api, assigned[2], "close")
    await api.set_weights(source, {second: 1, full: 6, inactive: 6})
    waiting = await post_many(api, source, 11)
    await act(api, waiting[-1], "assign", operator_id=outsider)
    await act(api, waiting[-2], "close")

    by_report = await sums(api, source)
    assert 20 < by_report["interactions"]
    assert 1 < by_report["waiting"]
    assert 30 == sum(by_report.values())
    targets = await column(api, source, "target")
    assert len(operators) == len(targets)
    assert 30 * 10**9 == sum(round(target * 10**9) for target in targets)


async def test_waiting_interaction_without_weights_has_no_target(api: Api) -> None:
    """There are no weights to divide it by."""
    source = await api.create_source({await api.create_operator(): 0})
    await post_many(api, source, 1)

    assert {"interactions": 0, "waiting": 1} == await sums(api, source)
    assert [0] == await column(api, source, "target")


async def test_target_follows_the_weights_of_its_time(api: Api) -> None:
    """New weights change the targets of later inquiries only."""
    maria, boris = await api.create_operator(), await api.create_operator()
    source = await api.create_source({maria: 3, boris: 1})
    await post_many(api, source, 4)
    await api.set_weights(source, {maria: 1, boris: 3})
    await post_many(api, source, 4)

    assert [1, 3] == await column(api, source, "weight")
    assert [4, 4] == await column(api, source, "interactions")
    assert [0.5, 0.5] == await column(api, source, "target_share")
    assert [0, 0] == await column(api, source, "deviation")


async def test_operator_that_left_the_source(api: Api) -> None:
    """It stays in the report, with what it got."""
    maria, boris = await api.create_operator(), await api.create_operator()
    source = await api.create_source({maria: 1})
    await post_many(api, source, 2)
    await api.set_weights(source, {boris: 1})
    await post_many(api, source, 2)

    assert [maria, boris] == await column(api, source, "operator_id")
    assert [0, 1] == await column(api, source, "weight")
    assert [2, 2] == await column(api, source, "interactions")
    assert [0.5, 0.5] == await column(api, source, "target_share")


async def test_picks_lost_to_a_limit(api: Api) -> None:
    """Of four inquiries after the limit was reached, the quota was three."""
    maria, boris = await api.create_operator(load_limit=1), await api.create_operator()
    source = await enforcing_source(api, {maria: 3, boris: 1})
    await post_many(api, source, 5)

    assert [1, 4] == await column(api, source, "interactions")
    assert [3, 0] == await column(api, source, "lost_to_limit")
    assert [0, 0] == await column(api, source, "lost_to_inactivity")
    assert [0.75, 0.25] == await column(api, source, "target_share")
    assert [pytest.approx(-0.55), pytest.approx(0.55)] == await column(api, source, "deviation")


async def test_picks_lost_to_inactivity(api: Api) -> None:
    """Inactivity is counted apart from limits, and an operator with weight 0 loses nothing."""
    maria, boris, olga = [await api.create_operator() for _ in range(3)]
    source = await api.create_source({maria: 1, boris: 1, olga: 0})
    await change_operator(api, maria, active=False)
    await post_many(api, source, 4)
    await change_operator(api, maria, active=True)
    await post_many(api, source, 4)

    assert [2, 6, 0] == await column(api, source, "interactions")
    assert [2, 0, 0] == await column(api, source, "lost_to_inactivity")
    assert [0, 0, 0] == await column(api, source, "lost_to_limit")
    assert [0.5, 0.5, 0] == await column(api, source, "target_share")


async def test_choosing_again_loses_nothing(api: Api) -> None:
    """What was lost is counted once, when an interaction is first assigned."""
    maria, boris, olga = [await api.create_operator() for _ in range(3)]
    source = await api.create_source({maria: 1, boris: 1, olga: 2})
    await change_operator(api, olga, active=False)
    [interaction] = await post_many(api, source, 1)
    await act(api, interaction, "assign")

    assert [0, 1, 0] == await column(api, source, "interactions")
    assert [0, 0, 0.5] == await column(api, source, "lost_to_inactivity")
    assert [0.25, 0.25, 0.5] == await column(api, source, "target_share")


DAYS = {
    "2026-05-01 23:59:59.999999": 1,
    "2026-05-02 00:00:00.000000": 2,
    "2026-05-04 12:00:00.000000": 3,
}
"""The number of inquiries that came in at each time."""


@pytest.fixture
async def waiting_since_may(api: Api, rows: Rows) -> int:
    """A source whose inquiries came in on three days of May, and wait."""
    operator = await api.create_operator(active=False)
    source = await api.create_source({operator: 1})
    posted = iter(await post_many(api, source, sum(DAYS.values())))
    for time, count in DAYS.items():
        for interaction in itertools.islice(posted, count):
            rows.execute(
                "UPDATE interactions SET created_at = ? WHERE id = ?", [time, interaction["id"]]
            )
    return source


@pytest.fixture
async def three_days(api: Api, waiting_since_may: int) -> int:
    """The source after its queue was assigned today."""
    await change_operator(api, 1, active=True)
    return waiting_since_may


@pytest.mark.parametrize(
    ("period", "count"),
    [
        ({}, 6),
        ({"since": "2026-05-01"}, 6),
        ({"since": "2026-05-02"}, 5),
        ({"since": "2026-05-03"}, 3),
        ({"since": "2026-05-05"}, 0),
        ({"until": "2026-04-30"}, 0),
        ({"until": "2026-05-01"}, 1),
        ({"until": "2026-05-03"}, 3),
        ({"since": "2026-05-02", "until": "2026-05-02"}, 2),
        ({"since": "2026-05-02", "until": "2026-05-04"}, 5),
        ({"since": "0001-01-01", "until": "9999-12-31"}, 6),
    ],
)
async def test_period(api: Api, three_days: int, period: dict[str, str], count: int) -> None:
    """An inquiry belongs to the day, in UTC, on which it came in; both ends are included."""
    assert count == (await report(api, three_days, **period))["interactions"]
    assert [count] == await column(api, three_days, "interactions", **period)
    assert [1 if count else None] == await column(api, three_days, "target_share", **period)


async def test_today(api: Api) -> None:
    """An inquiry that comes in now counts for today."""
    source = await api.create_source({await api.create_operator(): 1})
    [interaction] = await post_many(api, source, 1)
    day = interaction["created_at"][:10]

    assert [1] == await column(api, source, "interactions", since=day, until=day)


async def test_reassignment_counts_for_the_day_of_the_inquiry(api: Api, three_days: int) -> None:
    """An assignment of today changes the report on the day when the inquiry came in."""
    boris = await api.create_operator()
    await api.call("POST", "/interactions/2/assign", json={"operator_id": boris})

    assert [1, 1] == await column(
        api, three_days, "interactions", since="2026-05-02", until="2026-05-02"
    )
    assert [1] == await column(api, three_days, "interactions", until="2026-05-01")
    assert [3] == await column(api, three_days, "interactions", since="2026-05-03")


@pytest.mark.parametrize(
    ("period", "count"),
    [
        ({}, 6),
        ({"since": "2026-05-02"}, 5),
        ({"until": "2026-05-01"}, 1),
        ({"since": "2026-05-02", "until": "2026-05-02"}, 2),
        ({"since": "2026-05-05"}, 0),
        ({"since": "0001-01-01", "until": "9999-12-31"}, 6),
    ],
)
async def test_waiting_interactions_of_a_period(
    api: Api, waiting_since_may: int, period: dict[str, str], count: int
) -> None:
    """Those that came in then and wait now, with their target by the present weights."""
    assert count == (await report(api, waiting_since_may, **period))["waiting"]
    assert [count] == await column(api, waiting_since_may, "target", **period)


async def loads(api: Api) -> list[tuple[int, int | None, int]]:
    """Load, limit and queue depth of each operator."""
    return [
        (row["load"], row["load_limit"], row["waiting"])
        for row in await api.call("GET", "/stats/operators")
    ]


async def test_operators_at_a_glance(api: Api) -> None:
    """Name, load over all sources, limit, and the interactions that wait in its sources."""
    maria = await api.create_operator("Maria", load_limit=2)
    boris = await api.create_operator("Boris", active=False)
    source = await enforcing_source(api, {maria: 1, boris: 1})
    await post_many(api, source, 5)

    assert [
        {"id": maria, "name": "Maria", "active": True, "load": 2, "load_limit": 2, "waiting": 3},
        {
            "id": boris,
            "name": "Boris",
            "active": False,
            "load": 0,
            "load_limit": None,
            "waiting": 3,
        },
    ] == await api.call("GET", "/stats/operators")


async def test_loads_follow_every_change(api: Api) -> None:
    """Posts, closes and assignments, over all sources; a limit that is not enforced is exceeded."""
    maria, boris = await api.create_operator(load_limit=1), await api.create_operator()
    first, second = [await api.create_source({maria: 1}) for _ in range(2)]
    oldest, next_oldest, _ = [await api.post(source) for source in (first, second, second)]
    posted = await loads(api)
    await act(api, oldest, "close")
    closed = await loads(api)
    await act(api, next_oldest, "assign", operator_id=boris)

    assert [(3, 1, 0), (0, None, 0)] == posted
    assert [(2, 1, 0), (0, None, 0)] == closed
    assert [(1, 1, 0), (1, None, 0)] == await loads(api)


async def test_queues_of_several_sources_add_up(api: Api) -> None:
    """A waiting interaction counts for each operator that has a weight in its source."""
    maria, boris, _ = [await api.create_operator(active=False) for _ in range(3)]
    await post_many(api, await api.create_source({maria: 1, boris: 0}), 2)
    await post_many(api, await api.create_source({maria: 1, boris: 1}), 3)
    await post_many(api, await api.create_source(), 4)

    assert [5, 3, 0] == [waiting for *_, waiting in await loads(api)]


async def test_operators_in_pages(api: Api, client: httpx.AsyncClient) -> None:
    """Page by page, every operator appears once, in the order of creation."""
    operators = [await api.create_operator() for _ in range(5)]
    await post_many(api, await api.create_source(dict.fromkeys(operators, 1)), 5)

    pages = await walk(client, "/stats/operators?limit=2")

    assert [2, 2, 1] == [len(page) for page in pages]
    assert operators == [row["id"] for page in pages for row in page]
    assert [1] * 5 == [row["load"] for page in pages for row in page]
