"""Locks on sources and operators for transactions that free capacity.

A transaction locks sources, then operators, each in id order, so that no two transactions deadlock.
A source's queue grows only under the locks of the source and of all its operators. So once an
operator is locked, no further queue can form in its sources, and a read after the lock finds those
that formed while the transaction waited for it. Locking these now would break the order, so the
transaction rolls back and retries. On SQLite only one transaction writes at a time, so nothing
changes between the lock and the read.
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.core.errors import InteractionNotFound, found
from app.crud import LockCRUD, Locked, QueueCRUD
from app.crud.interaction import Place
from app.db.session import WriteSession

MAX_SOURCES = 500
"""Maximum number of sources that one transaction locks: inquiries of other sources do not wait."""


class Queues(NamedTuple):
    """The queues that one transaction assigns from.

    It assigns only interactions that are older than those in the queues left for later, so no
    interaction overtakes an older one that waits for the same operator.
    """

    source_ids: set[int]
    since: int
    """The lowest id of a waiting interaction in `source_ids`, or a lower id."""
    others: set[int]
    """The sources of the queues left for later."""
    before: int | None
    """The lowest id of a waiting interaction in `others`; None if `others` is empty."""
    locked: Locked | None = None
    """The locks that the transaction holds for them; None if it holds none."""


def oldest_queues(oldest: Mapping[int, int]) -> Queues:
    """The queues to assign from first, given the oldest waiting interaction of each source."""
    by_age = sorted(oldest, key=oldest.__getitem__)
    first, others = by_age[:MAX_SOURCES], by_age[MAX_SOURCES:]
    return Queues(
        set(first),
        oldest[first[0]] if first else 0,
        set(others),
        oldest[others[0]] if others else None,
    )


async def lock_operator(session: WriteSession, operator_id: int) -> Queues:
    """Lock an operator and its queues.

    Call this first in the transaction: it may roll the transaction back and retry.
    """
    while True:
        locked = await LockCRUD(session).lock_operator(operator_id, limit=MAX_SOURCES)
        queues = oldest_queues(await QueueCRUD(session).get_oldest_of_operator(operator_id))
        if locked.covers(queues.source_ids, ()):
            return queues._replace(locked=locked)
        await session.rollback()


async def lock_interaction(
    session: WriteSession, interaction_id: int, with_operator: int | None = None
) -> tuple[Place, Queues]:
    """Lock an interaction's source, its operator, and the queues of that operator.

    Call this first in the transaction: it may roll the transaction back and retry.

    Args:
        session: the transaction.
        interaction_id: the interaction.
        with_operator: a further operator to lock.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    while True:
        locked = await LockCRUD(session).lock_interaction(
            interaction_id, with_operator, limit=MAX_SOURCES
        )
        place, oldest = found(
            await QueueCRUD(session).get_place_and_oldest(interaction_id), InteractionNotFound
        )
        queues = oldest_queues(oldest)
        # Another transaction may have reassigned the interaction before the lock was acquired.
        if locked.covers({place.source_id} | queues.source_ids, filter(None, [place.operator_id])):
            return place, queues._replace(locked=locked)
        await session.rollback()
