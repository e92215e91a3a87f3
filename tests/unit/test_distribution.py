"""The choice of an operator follows the weights."""

from collections import Counter
from math import sqrt
from random import Random

import pytest

from app.crud import Candidate, OperatorCRUD, SourceCRUD, SourceOperatorSettingCRUD
from app.db.database import Database
from app.utils.distribution import expected_shares, pick_by_weight, select_operator

CANDIDATES = [Candidate(1, 10), Candidate(2, 30), Candidate(3, 60)]


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_within_four_sigma(seed: int) -> None:
    """A thousand picks spread as the weights say."""
    random = Random(seed)
    picks = Counter(pick_by_weight(CANDIDATES, random) for _ in range(1000))

    for operator_id, share in expected_shares(CANDIDATES).items():
        sigma = sqrt(1000 * share * (1 - share))
        assert abs(picks[operator_id] - 1000 * share) <= 4 * sigma


def test_zero_weight_is_never_picked() -> None:
    """Zero is out of rotation, not merely unlikely."""
    random = Random(0)
    candidates = [Candidate(1, 0), Candidate(2, 1), Candidate(3, 0)]

    assert {2} == {pick_by_weight(candidates, random) for _ in range(1000)}


@pytest.mark.parametrize("candidates", [[], [Candidate(1, 0), Candidate(2, 0)]])
def test_nobody_is_picked_when_nobody_is_there(candidates: list[Candidate]) -> None:
    """All weights zero is the same as no operators at all."""
    assert pick_by_weight(candidates) is None


def test_expected_shares_add_up() -> None:
    """Weight over sum of weights; nothing is divided by zero."""
    assert {1: 0.1, 2: 0.3, 3: 0.6} == expected_shares(CANDIDATES)
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
