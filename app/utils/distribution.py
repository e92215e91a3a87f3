"""Picks the operator who shall answer: the one place where the choice is made."""

from collections.abc import Iterable, Sequence
from random import Random

from sqlalchemy.ext.asyncio import AsyncSession

from app.crud import Candidate, SourceOperatorSettingCRUD

_random = Random()


async def select_operator(session: AsyncSession, source_id: int) -> int | None:
    """The id of the operator for the source's next inquiry, by weight; None if there is nobody.

    For a single inquiry. Intake has the candidates of a whole batch at hand, and calls
    `pick_by_weight` for each.
    """
    settings = SourceOperatorSettingCRUD(session)
    return pick_by_weight(await settings.get_candidates_for_distribution(source_id))


def pick_by_weight(candidates: Sequence[Candidate], random: Random = _random) -> int | None:
    """Draw an operator's id with probability weight / sum of weights; None if all weights are 0."""
    if not any(candidate.weight for candidate in candidates):
        return None
    [winner] = random.choices(candidates, [candidate.weight for candidate in candidates])
    return winner.operator_id


def expected_shares(candidates: Iterable[Candidate]) -> dict[int, float]:
    """The share of inquiries, 0 to 1, that each candidate gets in the long run, by operator id."""
    weights = {candidate.operator_id: candidate.weight for candidate in candidates}
    total = sum(weights.values())
    return {
        operator_id: weight / total if total else 0.0 for operator_id, weight in weights.items()
    }
