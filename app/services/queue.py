"""Assigns interactions that wait, oldest first, when an operator becomes available."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from app.crud import AssignmentCRUD, InteractionCRUD, QueueCRUD
from app.crud.interaction import Latest, WaitingRow
from app.db.database import Database, WriteSession
from app.services.locking import Queues, oldest_queues
from app.services.tally import Tally
from app.utils.distribution import Distributor, open_distributor, write_credits

CHUNK = 500
"""Waiting interactions that one transaction looks at; intake's turn comes after it."""
MAX_CANDIDATES = 50_000
"""Candidates that it looks at: of sources with very many operators it gives out fewer."""


async def assign_waiting(session: WriteSession, queues: Queues) -> set[int]:
    """Give out what waits in these queues, oldest first, looking at most at `CHUNK` of it.

    To be called in the transaction of whatever may have freed capacity.

    Returns:
        The sources for which an operator may still be available, for `assign_remaining`.

    """
    if not queues.source_ids:
        return set()
    distributor = await open_distributor(session, queues.source_ids)
    sources = {id for id, rotation in distributor.rotations.items() if rotation.has_queue}
    tally = Tally(distributor.rotations)
    most_operators = max((len(one.candidates) for one in distributor.rotations.values()), default=0)
    left = max(1, min(CHUNK, MAX_CANDIDATES // max(1, most_operators)))
    rest = queues.others
    while (room := distributor.free_capacity(sources)) and left:
        most = int(min(left, sum(room.values())))
        waiting = await InteractionCRUD(session).list_waiting(
            room, limit=most, before=queues.before
        )
        if waiting:
            await _assign(session, distributor, tally, waiting)
        left -= len(waiting)
        if len(waiting) < most:
            # There are no more, or the others' are next.
            rest = rest | set(room) if rest else rest
            break
        sources = set(room)
    else:
        rest = rest | set(room)
    await write_credits(session, distributor)
    await tally.write(session)
    return rest


async def assign_waiting_of_source(session: WriteSession, source_id: int) -> set[int]:
    """Drain the queue of a source whose rules or weights have changed."""
    return await assign_waiting(session, oldest_queues({source_id: 0}))


async def assign_remaining(database: Database, source_ids: Collection[int]) -> None:
    """Go on where `assign_waiting` stopped, with a turn for intake after each transaction.

    Nothing overtakes what waits meanwhile: see `intake`. Where this is cut short, `background`
    goes on.
    """
    while source_ids:
        async with database.reading() as session:
            queues = oldest_queues(await QueueCRUD(session).get_available(source_ids))
        if not queues.source_ids:
            return
        source_ids = await database.write(partial(assign_waiting, queues=queues))


async def find_available(database: Database) -> dict[int, int]:
    """What waits longest in each source that has a queue and an operator available; reads only."""
    async with database.reading() as session:
        queues = QueueCRUD(session)
        return await queues.get_available(await queues.list_all())


async def find_stalled(database: Database, oldest: Mapping[int, int]) -> set[int]:
    """The sources where the same interaction waits longest, and an operator is available yet.

    A queue that moved meanwhile is given out by the process that freed capacity, or by another.
    """
    async with database.reading() as session:
        now = await QueueCRUD(session).get_available(oldest)
    return {source_id for source_id, id in now.items() if id == oldest[source_id]}


async def _assign(
    session: WriteSession, distributor: Distributor, tally: Tally, waiting: Sequence[WaitingRow]
) -> None:
    """Give out these in order, as far as an operator is available for their source."""
    interactions = InteractionCRUD(session)
    sticky = {row.lead_uuid for row in waiting if distributor.rotations[row.source_id].sticky}
    latest = await interactions.get_latest(sticky) if sticky else {}
    given: dict[int, int] = {}
    assignments = []
    without_room: set[int] = set()
    for row in waiting:
        if row.source_id in without_room:
            continue
        before = latest.get(row.lead_uuid)
        choice = distributor.choose(row.source_id, preferred=before and before.operator_id)
        if choice.operator_id is not None:
            given[row.id] = choice.operator_id
            # A younger one of the same lead may have been given out while this one waited.
            if before is None or before.interaction_id < row.id:
                latest[row.lead_uuid] = Latest(row.id, choice.operator_id)
            choice = choice._replace(reason="from_queue")
            assignments.append(choice.assignment_of(row.id))
            tally.count_assigned(row.source_id, row.created_at, choice)
        else:
            without_room.add(row.source_id)
    await interactions.set_operators(given)
    await AssignmentCRUD(session).create_many(assignments)
