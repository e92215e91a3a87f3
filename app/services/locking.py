"""Row locks for events that free capacity: on an interaction, an operator, and its queues.

A transaction locks sources, then operators, each in id order, so that no two transactions deadlock.
A source's queue grows only under the locks of the source and of all its operators. So once an
operator is locked, no further queue can form in its sources, and a second read finds those that
formed while the transaction waited for its locks. Locking these now would break the order, so the
transaction rolls back and retries. On SQLite one transaction writes at a time: nothing changes
between the two reads.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from app.core.errors import InteractionNotFound
from app.crud import InteractionCRUD, QueueCRUD, SourceOperatorSettingCRUD
from app.db.database import WriteSession
from app.models import Interaction

MAX_SOURCES = 500
"""The most sources that one transaction assigns from: intake of other sources does not wait."""


class Queues(NamedTuple):
    """Queues to assign from, up to the oldest interaction of the queues left for later.

    So no interaction overtakes an older one that waits for the same operator.
    """

    source_ids: set[int]
    others: set[int]
    """The sources of the queues left for later."""
    before: int | None
    """The lowest interaction id that waits in `others`; None if they are empty."""


def oldest_queues(oldest: Mapping[int, int]) -> Queues:
    """The queues to assign from first, given the oldest waiting interaction of each source."""
    by_age = sorted(oldest, key=oldest.__getitem__)
    first, others = by_age[:MAX_SOURCES], by_age[MAX_SOURCES:]
    return Queues(set(first), set(others), oldest[others[0]] if others else None)


async def lock_operator(
    session: WriteSession,
    operator_id: int | None,
    *,
    source_ids: Collection[int] = (),
    with_operator: int | None = None,
) -> Queues:
    """Lock an operator and its queues, first in the transaction, which it may roll back.

    Args:
        session: the transaction.
        operator_id: the operator; with None there are no queues to lock.
        source_ids: further sources to lock.
        with_operator: a further operator to lock.

    """
    settings = SourceOperatorSettingCRUD(session)
    operator_ids = {id for id in (operator_id, with_operator) if id is not None}
    locked = set(source_ids)
    queues = await _queues_of(session, operator_id)
    while True:
        locked |= queues.source_ids
        waited = await settings.lock(locked, operator_ids)
        if waited:
            queues = await _queues_of(session, operator_id)
        if queues.source_ids <= locked:
            return queues
        await session.rollback()


async def lock_interaction(
    session: WriteSession, interaction_id: int, with_operator: int | None = None
) -> tuple[Interaction, Queues]:
    """Lock an interaction's source, its operator, and the queues of that operator.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    interactions = InteractionCRUD(session)
    while True:
        place = await interactions.get_place(interaction_id)
        if place is None:
            raise InteractionNotFound
        queues = await lock_operator(
            session, place.operator_id, source_ids=[place.source_id], with_operator=with_operator
        )
        interaction = await interactions.get_by_id(interaction_id)
        if interaction is not None and interaction.operator_id == place.operator_id:
            return interaction, queues
        # Another transaction assigned it elsewhere before the lock was acquired.
        await session.rollback()


async def _queues_of(session: WriteSession, operator_id: int | None) -> Queues:
    if operator_id is None:
        return oldest_queues({})
    return oldest_queues(await QueueCRUD(session).get_oldest_of_operator(operator_id))
