"""Who answers for a source: reads and replaces its weights."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import OperatorNotFound, SourceNotFound
from app.crud import OperatorCRUD, SourceCRUD, SourceOperatorSettingCRUD
from app.utils.distribution import expected_shares


class WeightShare(NamedTuple):
    """An operator's weight in a source and the share of inquiries, 0 to 1, expected of it."""

    operator_id: int
    weight: int
    share: float


async def read(session: AsyncSession, source_id: int) -> list[WeightShare]:
    """The weights of a source and what they amount to, by operator id.

    Raises:
        SourceNotFound: there is no such source.

    """
    operators = await SourceOperatorSettingCRUD(session).list_with_activity(source_id)
    if operators is None:
        raise SourceNotFound
    shares = expected_shares(candidate for candidate, active in operators if active)
    return [
        WeightShare(*candidate, shares.get(candidate.operator_id, 0.0))
        for candidate, _ in operators
    ]


async def replace(
    session: AsyncSession, source_id: int, weights: Mapping[int, int]
) -> list[WeightShare]:
    """Make these the weights of a source, by operator id, in place of all it had.

    Raises:
        SourceNotFound: there is no such source.
        OperatorNotFound: a weight is for an operator that does not exist.

    """
    if await SourceCRUD(session).get_by_id(source_id) is None:
        raise SourceNotFound
    if weights.keys() - await OperatorCRUD(session).existing_ids(weights):
        raise OperatorNotFound
    await SourceOperatorSettingCRUD(session).replace_source_weights(source_id, weights)
    return await read(session, source_id)
