"""Locks what an event may change: an interaction, an operator, and the queues it may shorten.

Sources first, then operators, each in id order, so that no two transactions wait for each other.
A source's queue grows only under the locks of the source and of all its operators. So once the
operator is locked no further queue of its sources can begin, and those that began while this
transaction waited are seen by looking again; for these it begins again, as to lock them now would
be out of order. On SQLite one transaction writes at a time, and nothing is found that changed.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from app.core.errors import InteractionNotFound
from app.crud import InteractionCRUD, QueueCRUD, SourceOperatorSettingCRUD
from app.db.database import WriteSession
from app.models import Interaction

MAX_SOURCES = 500
"""Sources whose queues one transaction may shorten: the others' intake does not wait for it."""


class Queues(NamedTuple):
    """Queues of which what waits longest is given out, all that is older than the others' oldest.

    Then nothing overtakes an older interaction that waits for the same operator.
    """

    source_ids: set[int]
    others: set[int]
    before: int | None
    """The oldest interaction id of the others; None if there are none."""


def oldest_queues(oldest: Mapping[int, int]) -> Queues:
    """The queues to begin with, by the id of what waits longest in each source."""
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
    """Lock an operator and the queues that it can take from; as the transaction's first act.

    Args:
        session: writes.
        operator_id: the operator; None is locked with no queue.
        source_ids: sources to lock with them.
        with_operator: another operator to lock with them.

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
    """Lock an interaction's source and its operator with the queues that one can take from.

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
        # It went to another operator before it was locked.
        await session.rollback()


async def _queues_of(session: WriteSession, operator_id: int | None) -> Queues:
    if operator_id is None:
        return oldest_queues({})
    return oldest_queues(await QueueCRUD(session).get_oldest_of_operator(operator_id))
