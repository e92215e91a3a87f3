"""The strategy `smooth` as bots see it: even at every moment, however many post at once."""

from collections import Counter
from fractions import Fraction
from random import Random

import pytest

from tests.support.api import Api
from tests.support.evenness import PICKS, WEIGHTS, post_at_once, worst_deviation
from tests.support.load import at_once, new_client
from tests.support.rows import Rows
from tests.support.server import LiveServer


@pytest.mark.parametrize(
    "count", [3, *(pytest.param(count, marks=pytest.mark.heavy) for count in (2, 50))]
)
async def test_even_after_every_pick(server: LiveServer, count: int) -> None:
    """No operator is ever further than 1 - 1/(2n-2) picks from its share; each cycle is exact."""
    async with new_client(server.url) as client:
        api = Api(client)
        weights = {await api.create_operator(): weight for weight in WEIGHTS[count]}
        source = await api.create_source(weights)
        picks = await post_at_once([api], source, PICKS)

    cycle = sum(weights.values())
    assert 1 - Fraction(1, 2 * count - 2) >= worst_deviation(picks, weights)
    for start in range(0, PICKS, cycle):
        assert weights == Counter(picks[start : start + cycle])


@pytest.mark.parametrize("picks_before", [30, 31, 32])
async def test_no_burst_after_an_absence(api: Api, picks_before: int) -> None:
    """Inactive for 100 picks, one of three equals gets a third of the next 60, evenly spread.

    Wherever in its cycle the rotation was, each stays within 2/3 of a pick of its third.
    """
    inactive, *others = operators = [await api.create_operator() for _ in range(3)]
    source = await api.create_source(dict.fromkeys(operators, 1))
    for turn in range(picks_before):
        await api.post(source, f"before{turn}@example.com")
    await api.update_operator(inactive, active=False)
    meanwhile = await post_at_once([api], source, 100)
    await api.update_operator(inactive, active=True)
    picks = await post_at_once([api], source, 60)

    assert set(others) == set(meanwhile)
    assert 1 >= abs(meanwhile.count(others[0]) - 50)
    assert dict.fromkeys(operators, 20) == Counter(picks)
    assert Fraction(2, 3) >= worst_deviation(picks, dict.fromkeys(operators, 1))


async def picks_of(api: Api, source: int, count: int, name: str = "lead") -> list[int]:
    """The operators that get the next inquiries."""
    emails = [f"{name}{turn}@example.com" for turn in range(count)]
    return [(await api.post(source, email))["operator_id"] for email in emails]


async def credits_of(api: Api, source: int) -> dict[int, float]:
    """The credit of each operator of a source, as the assignment of its next inquiry shows it."""
    posted = await api.post(source, "looks@example.com")
    [move] = await api.call("GET", f"/interactions/{posted['id']}/assignments")
    return {row["operator_id"]: row["credit"] for row in move["candidates"]}


async def test_two_of_three_equals_stay_even(api: Api) -> None:
    """With the third active every other time, the counts of the first two differ by at most 2."""
    first, second, third = [await api.create_operator() for _ in range(3)]
    source = await api.create_source(dict.fromkeys([first, second, third], 1))
    picks: Counter[int] = Counter()
    for turn in range(120):
        await api.update_operator(third, active=turn % 2 == 1)
        picks.update(await picks_of(api, source, 1))
        assert abs(picks[first] - picks[second]) <= 2

    assert {first: 50, second: 50, third: 20} == picks


async def test_even_while_limits_and_weights_change(api: Api) -> None:
    """Whatever the weights and limits, each operator is within 2 inquiries of its quota."""
    operators = [await api.create_operator(load_limit=1) for _ in range(4)]
    source = await api.create_source(dict.fromkeys(operators, 1), enforce_load_limit=True)
    random = Random(9)
    owed = dict.fromkeys(operators, Fraction(0))
    held: dict[int, int] = {}
    for turn in range(60):
        weights = {operator: random.randint(1, 9) for operator in operators}
        await api.set_weights(source, weights)
        eligible = {
            operator: weight for operator, weight in weights.items() if operator not in held
        }
        posted = await api.post(source, f"lead{turn}@example.com")
        for operator, weight in eligible.items():
            owed[operator] += Fraction(weight, sum(eligible.values()))
        owed[posted["operator_id"]] -= 1
        held[posted["operator_id"]] = posted["id"]
        assert max(map(abs, owed.values())) <= 2
        closing = [operator for operator in held if len(held) > 2 or random.random() < 0.4]
        for operator in closing:
            await api.close(held.pop(operator))


async def test_new_weights_keep_credits(api: Api) -> None:
    """An operator that stays keeps its credit; that of a removed one is shared by weight."""
    removed, kept, light, added = [await api.create_operator() for _ in range(4)]
    source = await api.create_source({removed: 1, kept: 1, light: 2})
    assert light == (await api.post(source))["operator_id"]  # 0.25, 0.25, -0.5
    await api.set_weights(source, {kept: 3, light: 1, added: 1})

    assert {kept: 0.4375, light: -0.4375, added: 0} == await credits_of(api, source)


async def test_credits_are_zero_where_no_operator_stays(api: Api) -> None:
    """New operators alone start at zero, and so does an operator that is added again."""
    first, second, new = [await api.create_operator() for _ in range(3)]
    source = await api.create_source({first: 1, second: 1})
    await api.post(source)
    await api.set_weights(source, {new: 1})
    await api.set_weights(source, {first: 1, second: 1})

    assert {first: 0, second: 0} == await credits_of(api, source)


async def test_unchanged_weights_change_no_turn(api: Api, rows: Rows) -> None:
    """A PUT of the current weights before each of 30 inquiries writes and changes nothing."""
    operators = [await api.create_operator() for _ in range(3)]
    weights = dict(zip(operators, [1, 2, 4], strict=True))
    put, left = [await api.create_source(weights) for _ in range(2)]
    picks = []
    for turn in range(30):
        before = rows.dump()
        await api.set_weights(put, dict(reversed(weights.items())))
        assert before == rows.dump()
        picks += await picks_of(api, put, 1, f"lead{turn}.")

    assert await picks_of(api, left, 30) == picks


async def test_concurrent_weights_leave_credits_that_sum_to_zero(api: Api, rows: Rows) -> None:
    """Each PUT reads what the one before it has committed, and so do the inquiries between."""
    operators = [await api.create_operator() for _ in range(6)]
    source = await api.create_source(dict.fromkeys(operators, 1))
    random = Random(3)

    async def put() -> None:
        chosen = random.sample(operators, 4)
        await api.set_weights(source, {operator: random.randint(1, 5) for operator in chosen})

    for round in range(5):
        await at_once(
            [
                *(put() for _ in range(6)),
                *(api.post(source, f"lead{round}.{n}@example.com") for n in range(6)),
            ]
        )
        assert [(0,)] == rows.execute("SELECT sum(credit) FROM source_operator_settings")
    assert 4 == len(await api.call("GET", f"/sources/{source}/operators"))
