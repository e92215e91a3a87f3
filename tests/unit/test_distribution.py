"""The choice of an operator follows the weights, and can be predicted to the last pick."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate
from math import sqrt
from random import Random

import pytest

from app.core.credits import INQUIRY
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
    """A thousand picks follow the weights."""
    weights = {1: 10, 2: 30, 3: 60}
    random = Random(seed)
    picks = Counter(pick_random(weights, random) for _ in range(1000))

    for operator_id, weight in weights.items():
        share = weight / 100
        assert abs(picks[operator_id] - 1000 * share) <= 4 * sqrt(1000 * share * (1 - share))


@pytest.mark.parametrize("count", SKEWED)
def test_smooth_keeps_the_best_bound(count: int) -> None:
    """After every pick each operator is within 1 - 1/(2n-2) of its exact share."""
    weights = SKEWED[count]
    total = sum(weights.values())
    bound = 1 - Fraction(1, 2 * count - 2)
    credits: dict[int, int] = {}
    picks: Counter[int] = Counter()
    for turn in range(1, 3 * total + 1 if total < 4000 else 4000):
        picks[pick_smooth(weights, credits)] += 1
        worst = max(abs(total * picks[id] - turn * weights[id]) for id in weights)
        assert worst <= total * bound, f"pick {turn}"


@pytest.mark.parametrize("count", SKEWED)
def test_smooth_gives_each_its_weight_in_every_cycle(count: int) -> None:
    """In each run of sum(w) picks operator i is picked exactly w_i times."""
    weights = SKEWED[count]
    total = sum(weights.values())
    credits: dict[int, int] = {}
    for cycle in range(1, 3):
        assert weights == Counter(pick_smooth(weights, credits) for _ in range(total))
        # Each pick rounds by less than 1, where the sum of weights does not divide an inquiry.
        rounded = cycle * total if INQUIRY % total else 0
        assert max(map(abs, credits.values())) <= rounded
        assert 0 == sum(credits.values())


def test_smooth_is_even_while_one_of_three_equals_alternates() -> None:
    """With the third active every other time, the first two stay within 2 picks of each other."""
    credits: dict[int, int] = {}
    picks: Counter[int] = Counter()
    for turn in range(12_000):
        picks[pick_smooth({1: 1, 2: 1, 3: 1} if turn % 2 else {1: 1, 2: 1}, credits)] += 1
        assert abs(picks[1] - picks[2]) <= 2
    assert {1: 5000, 2: 5000, 3: 2000} == picks


def all_of(_: int, operators: list[int], __: Random) -> list[int]:
    """A set that does not change."""
    return operators


def half_of(_: int, operators: list[int], random: Random) -> list[int]:
    """Each operator is active half of the time."""
    return [id for id in operators if random.random() < 0.5] or [random.choice(operators)]


def all_but_one(turn: int, operators: list[int], _: Random) -> list[int]:
    """One operator after the other is inactive for 700 picks."""
    return [id for id in operators if id != operators[turn // 700 % len(operators)]]


WEIGHT: dict[str, Callable[[int], int]] = {
    "equal": lambda number: 1,
    "square": lambda number: number**2,
    "lopsided": lambda number: 1_000_000 if number == 1 else 999 * number,
}


@pytest.mark.parametrize("active_of", [all_of, half_of, all_but_one])
@pytest.mark.parametrize("weight", WEIGHT)
@pytest.mark.parametrize("count", [2, 3, 10])
def test_smooth_keeps_quotas_while_the_set_changes(
    count: int, weight: str, active_of: Callable[[int, list[int], Random], list[int]]
) -> None:
    """At every moment each operator is within 2 inquiries of its quota."""
    weights = {number: WEIGHT[weight](number) for number in range(1, count + 1)}
    operators, random = list(weights), Random(count)
    credits = dict.fromkeys(weights, 0)
    owed = dict.fromkeys(weights, 0.0)
    for turn in range(6000):
        eligible = {id: weights[id] for id in active_of(turn, operators, random)}
        total = sum(eligible.values())
        for id, share in eligible.items():
            owed[id] += share / total
        owed[pick_smooth(eligible, credits)] -= 1
        assert max(map(abs, owed.values())) <= 2
        assert 0 == sum(credits.values())
        assert all(abs(owed[id] - credits[id] / INQUIRY) < 1e-6 for id in weights)


def test_smooth_serves_the_largest_credit_once_it_is_a_whole_inquiry() -> None:
    """A credit of a whole inquiry comes before an earlier deadline; ties go by id."""
    third = INQUIRY // 3
    credits = {1: third, 2: 2 * third, 3: -3 * third}
    pressing = {1: 0, 2: 2 * third, 3: 2 * third, 4: -4 * third}

    assert 2 == pick_smooth({1: 1, 2: 1, 3: 1}, credits)
    assert {1: 2 * third, 2: 0, 3: -2 * third} == credits
    assert 2 == pick_smooth({3: 1, 2: 1, 1: 1}, pressing)


def test_smooth_changes_no_credit_for_a_single_operator() -> None:
    """The only active operator is picked whatever its credit, and no credit changes."""
    credits = {1: -5, 2: 5}

    assert 1 == pick_smooth({1: 7}, credits)
    assert {1: -5, 2: 5} == credits


def test_smooth_owes_nothing_for_an_absence() -> None:
    """Of three equals one is inactive for 300 picks, then gets a third of the next 60, evenly."""
    credits: dict[int, int] = {}
    weights = {1: 1, 2: 1, 3: 1}
    for _ in range(31):
        pick_smooth(weights, credits)
    for _ in range(300):
        pick_smooth({1: 1, 2: 1}, credits)
    picks_after = [pick_smooth(weights, credits) for _ in range(60)]

    assert 20 == picks_after.count(3)
    for turn, count in enumerate(accumulate(id == 3 for id in picks_after), start=1):
        assert abs(count - turn / 3) <= 2


def choose_many(candidates: list[Candidate]) -> set[int | None]:
    """The operators that a source with these candidates picks."""
    distributor = Distributor({1: Rotation("smooth", False, False, False, candidates)})
    return {distributor.choose(1).operator_id for _ in range(100)}


def test_zero_weight_and_inactive_are_never_picked() -> None:
    """Weight 0 is out of rotation, not merely unlikely."""
    candidates = [Candidate(1, 0), Candidate(2, 1), Candidate(3, 5, active=False)]

    assert {2} == choose_many(candidates)


@pytest.mark.parametrize("candidates", [[], [Candidate(1, 0)], [Candidate(1, 5, active=False)]])
def test_none_is_picked_where_none_is_available(candidates: list[Candidate]) -> None:
    """If all weights are zero, it is the same as without operators."""
    assert {None} == choose_many(candidates)


def test_limit_counts_only_where_it_is_enforced() -> None:
    """An operator at its limit gets nothing more from a source that enforces it."""
    assert {1} == choose_many([Candidate(1, 1, load_limit=3)])
    assert {1, None} == choose_many([Candidate(1, 1, load_limit=3, load=0)])


def test_expected_shares_add_up() -> None:
    """Weight over the sum of weights of active operators; nothing is divided by zero."""
    candidates = [Candidate(1, 10), Candidate(2, 30), Candidate(3, 60, active=False)]

    assert {1: 0.25, 2: 0.75, 3: 0.0} == expected_shares(candidates)
    assert {1: 0.0} == expected_shares([Candidate(1, 0)])


async def test_operator_for_a_single_inquiry(database: Database) -> None:
    """The choice for one source is one of its active operators, or None."""
    async with database.writing() as session:
        source = await SourceCRUD(session).create(description="bot")
        operators = [await OperatorCRUD(session).create(name="Maria") for _ in range(3)]
        active, weightless, inactive = [operator.id for operator in operators]
        await OperatorCRUD(session).update(inactive, {"active": False})
        await SourceOperatorSettingCRUD(session).replace_source_weights(
            source.id, {active: 1, weightless: 0, inactive: 1000}
        )

        assert {active} == {await select_operator(session, source.id) for _ in range(50)}
        assert await select_operator(session, source.id + 1) is None
