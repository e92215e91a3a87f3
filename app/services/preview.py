"""Plays through who would get a source's next inquiries, and writes nothing."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import carry_over
from app.core.distribution import Strategy
from app.core.errors import OperatorNotFound, SourceNotFound
from app.crud import Candidate, OperatorCRUD, Rotation, SourceOperatorSettingCRUD
from app.utils.distribution import Distributor, expected_shares


class OperatorPreview(NamedTuple):
    """What an operator would get."""

    operator_id: int
    weight: int
    picks: int
    share: float | None
    """Of the picks, 0 to 1; None if there were none."""
    target_share: float
    full_after: int | None
    """The number of the pick after which it is at its limit, 0 if it is now; None if it is not."""


class Preview(NamedTuple):
    """Who would get the next inquiries."""

    sequence: list[int | None]
    """Operator ids in order; None for an inquiry that would wait."""
    operators: list[OperatorPreview]


async def preview(
    session: AsyncSession,
    source_id: int,
    *,
    count: int,
    weights: Mapping[int, int] | None = None,
    strategy: Strategy | None = None,
    seed: int | None = None,
) -> Preview:
    """Who would get the next `count` inquiries of new leads, if nothing were closed meanwhile.

    Args:
        session: reads.
        source_id: the source.
        count: how many inquiries.
        weights: by operator id, in place of the present ones.
        strategy: in place of the present one.
        seed: makes `random` draw the same each time.

    Raises:
        SourceNotFound: there is no such source.
        OperatorNotFound: a weight is for an operator that does not exist.

    """
    rotation = (await SourceOperatorSettingCRUD(session).get_rotations([source_id])).get(source_id)
    if rotation is None:
        raise SourceNotFound
    if weights is not None:
        rotation = rotation._replace(candidates=await _candidates(session, rotation, weights))
    if strategy is not None:
        rotation = rotation._replace(strategy=strategy)
    # A thousand picks among a thousand operators take a second, which nobody else shall wait for.
    return await asyncio.to_thread(_play, rotation, count, Random(seed))


async def _candidates(
    session: AsyncSession, rotation: Rotation, weights: Mapping[int, int]
) -> list[Candidate]:
    """What the weights would make of their operators and credits."""
    operators = await OperatorCRUD(session).get_by_ids(weights)
    if len(operators) < len(weights):
        raise OperatorNotFound
    loads = await OperatorCRUD(session).get_loads(weights) if rotation.enforce_load_limit else {}
    credits = carry_over({one.operator_id: one.credit for one in rotation.candidates}, weights)
    return [
        Candidate(
            one.id, weights[one.id], one.active, one.load_limit, credits[one.id], loads.get(one.id)
        )
        for one in operators
    ]


def _play(rotation: Rotation, count: int, random: Random) -> Preview:
    distributor = Distributor({0: rotation}, random)
    full_after = {
        one.operator_id: 0 for one in distributor.consider(0) if one.passed_over == "at_limit"
    }
    sequence = []
    for number in range(1, count + 1):
        choice = distributor.choose(0)
        sequence.append(choice.operator_id)
        for one in choice.candidates:
            # The load is what it was before this pick.
            fills_up = one.load is not None and one.load + 1 == one.load_limit
            if fills_up and one.operator_id == choice.operator_id:
                full_after[one.operator_id] = number
    return Preview(sequence, _by_operator(rotation.candidates, sequence, full_after))


def _by_operator(
    candidates: Sequence[Candidate],
    sequence: Sequence[int | None],
    full_after: Mapping[int, int],
) -> list[OperatorPreview]:
    picks = Counter(sequence)
    picked = len(sequence) - picks[None]
    shares = expected_shares(candidates)
    return [
        OperatorPreview(
            operator_id=one.operator_id,
            weight=one.weight,
            picks=picks[one.operator_id],
            share=picks[one.operator_id] / picked if picked else None,
            target_share=shares[one.operator_id],
            full_after=full_after.get(one.operator_id),
        )
        for one in candidates
    ]
