"""Sources: changes by admins to rules and weights, and the assignments from queues that follow.

A change may free capacity for thousands of waiting interactions. The transaction of the change
assigns the first of them; further transactions assign the rest before the admin gets the response.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import OperatorNotFound, SourceNotFound, found
from app.crud import LockCRUD, OperatorCRUD, SourceCRUD, SourceOperatorSettingCRUD
from app.db.database import Database
from app.db.session import WriteSession
from app.models import Source
from app.services.queue import assign_remaining, assign_waiting_of_source
from app.utils.distribution import expected_shares


class WeightShare(NamedTuple):
    """An operator's weight in a source and its expected share of inquiries, 0 to 1."""

    operator_id: int
    weight: int
    share: float


async def create(database: Database, values: Mapping[str, object]) -> Source:
    """Create a source."""

    async def write(session: WriteSession) -> Source:
        return await SourceCRUD(session).create(**values)

    return await database.write(write)


async def update(database: Database, source_id: int, changes: Mapping[str, object]) -> Source:
    """Change a source, and assign its queue to operators available under the new rules.

    Raises:
        SourceNotFound: there is no such source.

    """

    async def change(session: WriteSession) -> tuple[Source, set[int]]:
        await LockCRUD(session).lock([source_id])
        source = await SourceCRUD(session).update(source_id, changes)
        return found(source, SourceNotFound), await assign_waiting_of_source(session, source_id)

    source, rest = await database.write(change)
    await assign_remaining(database, rest)
    return source


async def read_weights(session: AsyncSession, source_id: int) -> list[WeightShare]:
    """The weights and expected shares of a source's operators, in id order.

    Raises:
        SourceNotFound: there is no such source.

    """
    rotations = await SourceOperatorSettingCRUD(session).get_rotations([source_id])
    if source_id not in rotations:
        raise SourceNotFound
    candidates = rotations[source_id].candidates
    shares = expected_shares(candidates)
    return [
        WeightShare(candidate.operator_id, candidate.weight, shares[candidate.operator_id])
        for candidate in candidates
    ]


async def replace_weights(
    database: Database, source_id: int, weights: Mapping[int, int]
) -> list[WeightShare]:
    """Replace all weights of a source with these, by operator id.

    If no weight changes, the transaction writes and assigns nothing.

    Raises:
        SourceNotFound: there is no such source.
        OperatorNotFound: a weight is for an operator that does not exist.

    """

    async def change(session: WriteSession) -> tuple[list[WeightShare], set[int]]:
        settings = SourceOperatorSettingCRUD(session)
        await LockCRUD(session).lock([source_id], weights)
        found(await SourceCRUD(session).get_by_id(source_id), SourceNotFound)
        if weights.keys() - await OperatorCRUD(session).existing_ids(weights):
            raise OperatorNotFound
        changed = await settings.replace_source_weights(source_id, weights)
        rest = await assign_waiting_of_source(session, source_id) if changed else set()
        return await read_weights(session, source_id), rest

    shares, rest = await database.write(change)
    await assign_remaining(database, rest)
    return shares
