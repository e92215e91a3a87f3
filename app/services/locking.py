"""Locks what an event may change: an interaction, an operator, and the queues it may shorten.

Sources first, then operators, each in id order, so that no two transactions wait for each other.
A source's queue grows only under the locks of the source and of all its operators. So once the
operator is locked no further queue of its sources can begin. Those that began while this
transaction waited are seen by looking again; for these it begins again, as to lock them now would
be out of order. On SQLite one transaction writes at a time, and nothing is found that changed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import InteractionNotFound, found
from app.crud import LockCRUD, Locked, QueueCRUD
from app.crud.interaction import Place

MOST_SOURCES = 500
"""Sources whose queues one transaction may shorten: the others' intake does not wait for it."""


class Queues(NamedTuple):
    """Queues of which what waits longest is given out, all that is older than the others' oldest.

    Then nothing overtakes an older interaction that waits for the same operator.
    """

    source_ids: set[int]
    since: int
    """The oldest interaction id that waits in them, or a lower one."""
    others: set[int]
    before: int | None
    """The oldest interaction id of the others; None if there are none."""
    locked: Locked | None = None
    """What is locked for them; None if nothing is."""


def oldest_queues(oldest: Mapping[int, int]) -> Queues:
    """The queues to begin with, by the id of what waits longest in each source."""
    by_age = sorted(oldest, key=oldest.__getitem__)
    first, others = by_age[:MOST_SOURCES], by_age[MOST_SOURCES:]
    return Queues(
        set(first),
        oldest[first[0]] if first else 0,
        set(others),
        oldest[others[0]] if others else None,
    )


async def lock_operator(session: AsyncSession, operator_id: int) -> Queues:
    """Lock an operator and the queues that it can take from; as the transaction's first act."""
    while True:
        locked = await LockCRUD(session).lock_operator(operator_id, limit=MOST_SOURCES)
        queues = oldest_queues(await QueueCRUD(session).get_oldest_of_operator(operator_id))
        if locked.covers(queues.source_ids, ()):
            return queues._replace(locked=locked)
        await session.rollback()


async def lock_interaction(
    session: AsyncSession, interaction_id: int, with_operator: int | None = None
) -> tuple[Place, Queues]:
    """Lock an interaction's source and its operator with the queues that one can take from.

    As the transaction's first act.

    Args:
        session: writes.
        interaction_id: the interaction.
        with_operator: another operator to lock with them.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    while True:
        locked = await LockCRUD(session).lock_interaction(
            interaction_id, with_operator, limit=MOST_SOURCES
        )
        place, oldest = found(
            await QueueCRUD(session).get_place_and_oldest(interaction_id), InteractionNotFound
        )
        queues = oldest_queues(oldest)
        # It may have gone to another operator before it was locked.
        if locked.covers({place.source_id} | queues.source_ids, filter(None, [place.operator_id])):
            return place, queues._replace(locked=locked)
        await session.rollback()
