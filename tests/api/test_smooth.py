"""The strategy `smooth` as bots meet it: even at every moment, however many post at once."""

from collections import Counter
from fractions import Fraction

import pytest

from tests.support.api import Api
from tests.support.evenness import WEIGHTS, post_at_once, worst_deviation
from tests.support.load import new_client
from tests.support.server import LiveServer


@pytest.mark.parametrize(
    "count", [3, 50, *(pytest.param(count, marks=pytest.mark.heavy) for count in (2, 5, 10))]
)
async def test_even_after_every_pick(server: LiveServer, count: int) -> None:
    """Nobody is ever further than 1 - 1/(2n-2) picks from its share; each cycle is exact."""
    async with new_client(server.url) as client:
        api = Api(client)
        weights = {await api.create_operator(): weight for weight in WEIGHTS[count]}
        source = await api.create_source(weights)
        picks = await post_at_once([api], source, 1000)

    cycle = sum(weights.values())
    assert 1 - Fraction(1, 2 * count - 2) >= worst_deviation(picks, weights)
    for start in range(0, 1000, cycle):
        assert weights == Counter(picks[start : start + cycle])


@pytest.mark.parametrize("picks_before", [30, 31, 32])
async def test_no_flood_after_an_absence(api: Api, picks_before: int) -> None:
    """Back after 300 picks, one of three equals gets a third of the next 60, never bunched.

    Wherever in its cycle the rotation was, nobody is further than 2/3 of a pick from its third.
    """
    away, *others = operators = [await api.create_operator() for _ in range(3)]
    source = await api.create_source(dict.fromkeys(operators, 1))
    for turn in range(picks_before):
        await api.post(source, f"before{turn}@example.com")
    await api.update_operator(away, active=False)
    meanwhile = await post_at_once([api], source, 300)
    await api.update_operator(away, active=True)
    picks = await post_at_once([api], source, 60)

    assert set(others) == set(meanwhile)
    assert 1 >= abs(meanwhile.count(others[0]) - 150)
    assert dict.fromkeys(operators, 20) == Counter(picks)
    assert Fraction(2, 3) >= worst_deviation(picks, dict.fromkeys(operators, 1))


async def test_new_weights_begin_anew(api: Api) -> None:
    """What was owed under the old weights is forgotten: the picks go as if it had never been."""
    operators = [await api.create_operator() for _ in range(3)]
    weights = dict(zip(operators, WEIGHTS[3], strict=True))
    used, unused = [await api.create_source({operators[0]: 1, operators[1]: 5}) for _ in range(2)]
    for turn in range(4):
        await api.post(used, f"before{turn}@example.com")
    for source in (used, unused):
        await api.set_weights(source, weights)

    sequences = [
        [(await api.post(source, f"lead{turn}@example.com"))["operator_id"] for turn in range(100)]
        for source in (used, unused)
    ]

    assert sequences[0] == sequences[1]
    assert weights == Counter(sequences[0])
