"""What admins change: operators, sources and weights, and the queues that move by it.

Each change may free capacity for thousands that wait. It is committed with the first of them; the
others follow in transactions of their own before the admin gets the answer.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import OperatorNotFound, SourceNotFound, found
from app.crud import LockCRUD, OperatorCRUD, SourceCRUD, SourceOperatorSettingCRUD
from app.db.database import Database
from app.models import Operator, Source
from app.services.locking import lock_operator
from app.services.queue import drain, drain_rest, drain_source
from app.utils.distribution import expected_shares


class WeightShare(NamedTuple):
    """An operator's weight in a source and the share of inquiries, 0 to 1, expected of it."""

    operator_id: int
    weight: int
    share: float


async def create_operator(database: Database, values: Mapping[str, object]) -> Operator:
    """A new operator."""

    async def create(session: AsyncSession) -> Operator:
        return await OperatorCRUD(session).create(**values)

    return await database.write(create)


async def create_source(database: Database, values: Mapping[str, object]) -> Source:
    """A new source."""

    async def create(session: AsyncSession) -> Source:
        return await SourceCRUD(session).create(**values)

    return await database.write(create)


async def update_operator(
    database: Database, operator_id: int, changes: Mapping[str, object]
) -> Operator:
    """Change an operator; what it can take now goes to it from the queues.

    Raises:
        OperatorNotFound: there is no such operator.

    """

    async def change(session: AsyncSession) -> tuple[Operator, set[int]]:
        queues = await lock_operator(session, operator_id)
        operator = await OperatorCRUD(session).update(operator_id, changes)
        return found(operator, OperatorNotFound), await drain(session, queues)

    operator, rest = await database.write(change)
    await drain_rest(database, rest)
    return operator


async def update_source(
    database: Database, source_id: int, changes: Mapping[str, object]
) -> Source:
    """Change a source and its rules; whoever is available by the new ones takes from its queue.

    Raises:
        SourceNotFound: there is no such source.

    """

    async def change(session: AsyncSession) -> tuple[Source, set[int]]:
        await LockCRUD(session).lock([source_id])
        source = await SourceCRUD(session).update(source_id, changes)
        return found(source, SourceNotFound), await drain_source(session, source_id)

    source, rest = await database.write(change)
    await drain_rest(database, rest)
    return source


async def read_weights(session: AsyncSession, source_id: int) -> list[WeightShare]:
    """The weights of a source and what they amount to, by operator id.

    Raises:
        SourceNotFound: there is no such source.

    """
    rotations = await SourceOperatorSettingCRUD(session).get_rotations([source_id])
    if source_id not in rotations:
        raise SourceNotFound
    candidates = rotations[source_id].candidates
    shares = expected_shares(candidates)
    return [WeightShare(one.operator_id, one.weight, shares[one.operator_id]) for one in candidates]


async def replace_weights(
    database: Database, source_id: int, weights: Mapping[int, int]
) -> list[WeightShare]:
    """Make these the weights of a source, by operator id, in place of all it had.

    The list that stands already is left as it is, its queue too.

    Raises:
        SourceNotFound: there is no such source.
        OperatorNotFound: a weight is for an operator that does not exist.

    """

    async def change(session: AsyncSession) -> tuple[list[WeightShare], set[int]]:
        settings = SourceOperatorSettingCRUD(session)
        await LockCRUD(session).lock([source_id], weights)
        found(await SourceCRUD(session).get_by_id(source_id), SourceNotFound)
        if weights.keys() - await OperatorCRUD(session).existing_ids(weights):
            raise OperatorNotFound
        changed = await settings.replace_source_weights(source_id, weights)
        rest = await drain_source(session, source_id) if changed else set()
        return await read_weights(session, source_id), rest

    shares, rest = await database.write(change)
    await drain_rest(database, rest)
    return shares
