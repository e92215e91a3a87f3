"""The choice of an operator follows the weights, and can be told to the last pick."""

from collections import Counter
from fractions import Fraction
from itertools import accumulate
from math import sqrt
from random import Random

import pytest

from app.crud import Candidate, OperatorCRUD, Rotation, SourceCRUD, SourceOperatorSettingCRUD
from app.db.database import Database
from app.utils.distribution import (
    Distributor,
    expected_shares,
    pick_random,
    pick_smooth,
    select_operator,
)

SKEWED = {
    2: {1: 1, 2: 999},
    3: {1: 10, 2: 30, 3: 60},
    5: {1: 1, 2: 2, 3: 3, 4: 5, 5: 1000},
    10: {number: number**3 for number in range(1, 11)},
    50: {number: 1 + number**2 % 97 for number in range(1, 51)},
}


@pytest.mark.parametrize("seed", range(5))
def test_lot_is_within_four_sigma(seed: int) -> None:
    """A thousand picks spread as the weights say."""
    weights = {1: 10, 2: 30, 3: 60}
    random = Random(seed)
    picks = Counter(pick_random(weights, random) for _ in range(1000))

    for operator_id, weight in weights.items():
        share = weight / 100
        assert abs(picks[operator_id] - 1000 * share) <= 4 * sqrt(1000 * share * (1 - share))


@pytest.mark.parametrize("count", SKEWED)
def test_smooth_keeps_the_best_bound_there_is(count: int) -> None:
    """After every single pick nobody is further than 1 - 1/(2n-2) from its exact share."""
    weights = SKEWED[count]
    total = sum(weights.values())
    bound = 1 - Fraction(1, 2 * count - 2)
    credits: dict[int, int] = {}
    picks: Counter[int] = Counter()
    for turn in range(1, 3 * total + 1 if total < 4000 else 4000):
        picks[pick_smooth(weights, credits)] += 1
        worst = max(abs(picks[one] - Fraction(turn * weights[one], total)) for one in weights)
        assert worst <= bound, f"pick {turn}"


@pytest.mark.parametrize("count", SKEWED)
def test_smooth_gives_each_its_weight_in_every_cycle(count: int) -> None:
    """In each run of sum(w) picks operator i is picked exactly w_i times."""
    weights = SKEWED[count]
    credits: dict[int, int] = {}
    for _ in range(2):
        assert weights == Counter(
            pick_smooth(weights, credits) for _ in range(sum(weights.values()))
        )
        assert {0} == set(credits.values())


def test_smooth_owes_nothing_for_an_absence() -> None:
    """Of three equals one is away for 300 picks; then it gets a third of the next 60, no flood."""
    credits: dict[int, int] = {}
    weights = {1: 1, 2: 1, 3: 1}
    for _ in range(31):
        pick_smooth(weights, credits)
    for _ in range(300):
        pick_smooth({1: 1, 2: 1}, credits)
    back = [pick_smooth(weights, credits) for _ in range(60)]

    assert 20 == back.count(3)
    for turn, count in enumerate(accumulate(one == 3 for one in back), start=1):
        assert abs(count - turn / 3) <= 2


def choose_many(candidates: list[Candidate]) -> set[int | None]:
    """Whom a source with these operators picks."""
    distributor = Distributor({1: Rotation("smooth", False, False, False, candidates)})
    return {distributor.choose(1).operator_id for _ in range(100)}


def test_zero_weight_and_inactive_are_never_picked() -> None:
    """Zero is out of rotation, not merely unlikely."""
    candidates = [Candidate(1, 0), Candidate(2, 1), Candidate(3, 5, active=False)]

    assert {2} == choose_many(candidates)


@pytest.mark.parametrize("candidates", [[], [Candidate(1, 0)], [Candidate(1, 5, active=False)]])
def test_nobody_is_picked_when_nobody_is_there(candidates: list[Candidate]) -> None:
    """All weights zero is the same as no operators at all."""
    assert {None} == choose_many(candidates)


def test_limit_counts_only_where_it_is_enforced() -> None:
    """An operator at its limit gets nothing more from a source that enforces it."""
    assert {1} == choose_many([Candidate(1, 1, load_limit=3)])
    assert {1, None} == choose_many([Candidate(1, 1, load_limit=3, load=0)])


def test_expected_shares_add_up() -> None:
    """Weight over sum of weights of the active; nothing is divided by zero."""
    candidates = [Candidate(1, 10), Candidate(2, 30), Candidate(3, 60, active=False)]

    assert {1: 0.25, 2: 0.75, 3: 0.0} == expected_shares(candidates)
    assert {1: 0.0} == expected_shares([Candidate(1, 0)])


async def test_operator_for_a_single_inquiry(database: Database) -> None:
    """Asked for one source alone, the choice is among its active operators, or of nobody."""
    async with database.writing() as session:
        source = await SourceCRUD(session).create(description="bot")
        operators = [await OperatorCRUD(session).create(name="Maria") for _ in range(3)]
        active, weightless, away = [operator.id for operator in operators]
        await OperatorCRUD(session).update(away, {"active": False})
        await SourceOperatorSettingCRUD(session).replace_source_weights(
            source.id, {active: 1, weightless: 0, away: 1000}
        )

        assert {active} == {await select_operator(session, source.id) for _ in range(50)}
        assert await select_operator(session, source.id + 1) is None
