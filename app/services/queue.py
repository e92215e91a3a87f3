"""Assigns waiting interactions, oldest first, when an operator becomes available."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from app.crud import AssignmentCRUD, InteractionCRUD, QueueCRUD
from app.crud.interaction import Latest, WaitingRow
from app.db.database import Database
from app.db.session import WriteSession
from app.services.locking import Queues, oldest_queues
from app.services.tally import Tally
from app.utils.distribution import Distributor, open_distributor, write_credits

CHUNK = 500
"""Maximum number of waiting interactions per transaction; intake runs between transactions."""
MAX_CANDIDATES = 50_000
"""Maximum number of candidates per transaction. If sources have very many operators, a transaction
assigns fewer interactions."""


async def assign_waiting(session: WriteSession, queues: Queues) -> set[int]:
    """Assign waiting interactions of these queues, oldest first; read at most `CHUNK` of them.

    Call this in the transaction that may have freed capacity.

    Returns:
        The sources for which an operator may still be available, for `assign_remaining`.

    """
    if not queues.source_ids:
        return set()
    distributor = await open_distributor(session, queues.source_ids, queues.locked)
    sources = {id for id, rotation in distributor.rotations.items() if rotation.has_queue}
    tally = Tally(distributor.rotations)
    most_candidates = max(
        (len(rotation.candidates) for rotation in distributor.rotations.values()), default=0
    )
    left = max(1, min(CHUNK, MAX_CANDIDATES // max(1, most_candidates)))
    rest = queues.others
    while (capacity := distributor.free_capacity(sources)) and left:
        limit = int(min(left, sum(capacity.values())))
        waiting = await InteractionCRUD(session).list_waiting(
            capacity, limit=limit, since=queues.since, before=queues.before
        )
        if waiting:
            await _assign(session, distributor, tally, waiting)
        left -= len(waiting)
        if len(waiting) < limit:
            # No more interactions wait, or the next ones are in `queues.others`.
            rest = rest | set(capacity) if rest else rest
            break
        sources = set(capacity)
    else:
        rest = rest | set(capacity)
    await write_credits(session, distributor)
    await tally.write(session)
    return rest


async def assign_waiting_of_source(session: WriteSession, source_id: int) -> set[int]:
    """Assign the queue of a source whose rules or weights have changed."""
    return await assign_waiting(session, oldest_queues({source_id: 0}))


async def assign_remaining(database: Database, source_ids: Collection[int]) -> None:
    """Continue where `assign_waiting` stopped, in transactions between which intake runs.

    New interactions do not overtake waiting ones: see `app.services.intake`. If this is
    interrupted, `app.background` continues.
    """
    while source_ids:
        async with database.reading() as session:
            queues = oldest_queues(await QueueCRUD(session).get_available(source_ids))
        if not queues.source_ids:
            return
        source_ids = await database.write(partial(assign_waiting, queues=queues))


async def find_available(database: Database) -> dict[int, int]:
    """The oldest waiting interaction of each source that has an operator available; read-only."""
    async with database.reading() as session:
        queues = QueueCRUD(session)
        return await queues.get_available(await queues.list_all())


async def find_stalled(database: Database, oldest: Mapping[int, int]) -> set[int]:
    """The sources whose oldest waiting interaction is unchanged though an operator is available.

    A queue that changed is being assigned by the process that freed capacity, or by another.
    """
    async with database.reading() as session:
        current = await QueueCRUD(session).get_available(oldest)
    return {source_id for source_id, id in current.items() if id == oldest[source_id]}


async def _assign(
    session: WriteSession, distributor: Distributor, tally: Tally, waiting: Sequence[WaitingRow]
) -> None:
    """Assign these in order, while their source has an operator available."""
    interactions = InteractionCRUD(session)
    sticky = {row.lead_uuid for row in waiting if distributor.rotations[row.source_id].sticky}
    latest = await interactions.get_latest(sticky) if sticky else {}
    assigned: dict[int, int] = {}
    assignments = []
    exhausted: set[int] = set()
    for row in waiting:
        if row.source_id in exhausted:
            continue
        earlier = latest.get(row.lead_uuid)
        choice = distributor.choose(row.source_id, preferred=earlier and earlier.operator_id)
        if choice.operator_id is not None:
            assigned[row.id] = choice.operator_id
            # A newer interaction of the lead may have been assigned while this one waited.
            if earlier is None or earlier.interaction_id < row.id:
                latest[row.lead_uuid] = Latest(row.id, choice.operator_id)
            choice = choice._replace(reason="from_queue")
            assignments.append(choice.assignment_of(row.id))
            tally.count_assigned(row.source_id, row.created_at, choice)
        else:
            exhausted.add(row.source_id)
    await interactions.set_operators(assigned)
    await AssignmentCRUD(session).create_many(assignments)
