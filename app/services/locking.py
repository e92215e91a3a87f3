"""Row locks for events that free capacity: on an interaction, an operator, and its queues.

A transaction locks sources, then operators, each in id order, so that no two transactions deadlock.
A source's queue grows only under the locks of the source and of all its operators. So once an
operator is locked, no further queue can form in its sources, and a read after the lock finds those
that formed while the transaction waited for it. Locking these now would break the order, so the
transaction rolls back and retries. On SQLite one transaction writes at a time: nothing changes
before the read.
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.core.errors import InteractionNotFound, found
from app.crud import LockCRUD, Locked, QueueCRUD
from app.crud.interaction import Place
from app.db.database import WriteSession

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
    locked: Locked | None = None
    """The locks that the transaction holds for them; None if it holds none."""


def oldest_queues(oldest: Mapping[int, int]) -> Queues:
    """The queues to assign from first, given the oldest waiting interaction of each source."""
    by_age = sorted(oldest, key=oldest.__getitem__)
    first, others = by_age[:MAX_SOURCES], by_age[MAX_SOURCES:]
    return Queues(set(first), set(others), oldest[others[0]] if others else None)


async def lock_operator(session: WriteSession, operator_id: int) -> Queues:
    """Lock an operator and its queues, first in the transaction, which it may roll back."""
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

    Call it first in the transaction, which it may roll back.

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
        # Another transaction may have assigned it elsewhere before the lock was acquired.
        if locked.covers({place.source_id} | queues.source_ids, filter(None, [place.operator_id])):
            return place, queues._replace(locked=locked)
        await session.rollback()
