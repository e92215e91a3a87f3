"""Moves interactions: closes them, assigns them by hand, and gives out those that wait."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import (
    InteractionClosed,
    InteractionNotFound,
    NobodyElse,
    OperatorAtLimit,
    OperatorInactive,
    OperatorNotFound,
    found,
)
from app.crud import (
    AssignmentCRUD,
    InteractionCRUD,
    OperatorCRUD,
    QueueCRUD,
)
from app.crud.assignment import NewAssignment
from app.crud.interaction import InteractionRow, Latest, WaitingRow
from app.db.database import Database
from app.services.locking import Queues, lock_interaction, oldest_queues
from app.services.tally import Tally
from app.utils.distribution import Choice, Distributor, open_distributor, write_credits

CHUNK = 500
"""Waiting interactions that one transaction looks at; intake's turn comes after it."""
MOST_CANDIDATES = 50_000
"""Candidates that it looks at: of sources with very many operators it gives out fewer."""


async def close(database: Database, interaction_id: int) -> InteractionRow:
    """Close an interaction, and give what its operator can take now to those who wait.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    interaction, rest = await database.write(partial(_close, interaction_id=interaction_id))
    await drain_rest(database, rest)
    return interaction


async def assign(
    database: Database, interaction_id: int, operator_id: int | None
) -> InteractionRow:
    """Give an interaction to this operator, or choose again without the present one.

    Whoever had it can take what waits now.

    Raises:
        InteractionNotFound: there is no such interaction.
        InteractionClosed: it needs nobody any more.
        OperatorNotFound: there is no such operator.
        OperatorInactive: the operator takes nothing at present.
        OperatorAtLimit: the source enforces limits, and the operator's is reached.
        NobodyElse: nobody but the present operator is available.

    """
    interaction, rest = await database.write(
        partial(_assign, interaction_id=interaction_id, operator_id=operator_id)
    )
    await drain_rest(database, rest)
    return interaction


async def _close(session: AsyncSession, interaction_id: int) -> tuple[InteractionRow, set[int]]:
    place, queues = await lock_interaction(session, interaction_id)
    closed = await InteractionCRUD(session).close(interaction_id)
    rest = await drain(session, queues) if place.is_active else set()
    return found(closed, InteractionNotFound), rest


async def _assign(
    session: AsyncSession, interaction_id: int, operator_id: int | None
) -> tuple[InteractionRow, set[int]]:
    place, queues = await lock_interaction(session, interaction_id, operator_id)
    if not place.is_active:
        raise InteractionClosed
    interactions = InteractionCRUD(session)
    before = place.operator_id
    if operator_id is not None and operator_id == before:
        unchanged = await interactions.get_by_id(interaction_id)
        return InteractionRow.of(found(unchanged, InteractionNotFound)), set()
    distributor = await open_distributor(session, [place.source_id], queues.locked)
    if operator_id is None:
        choice = distributor.choose(place.source_id, without=before)
    else:
        choice = await _choose_by_hand(session, distributor, place.source_id, operator_id)
    if choice.operator_id is None:
        raise NobodyElse
    assigned = await interactions.set_operator(interaction_id, choice.operator_id)
    await AssignmentCRUD(session).create_many([NewAssignment(interaction_id, *choice)])
    await write_credits(session, distributor)
    tally = Tally(distributor.rotations)
    if before is None:
        tally.give_out(place.source_id, place.created_at, choice)
    else:
        tally.move(place.source_id, place.created_at, before, choice.operator_id, choice.reason)
    await tally.write(session)
    return found(assigned, InteractionNotFound), await drain(session, queues)


async def _choose_by_hand(
    session: AsyncSession, distributor: Distributor, source_id: int, operator_id: int
) -> Choice:
    operator = found(await OperatorCRUD(session).lock(operator_id), OperatorNotFound)
    if not operator.active:
        raise OperatorInactive
    if distributor.rotations[source_id].enforce_load_limit:
        load = (await OperatorCRUD(session).get_loads([operator_id]))[operator_id]
        if load is not None and load >= (operator.load_limit or 0):
            raise OperatorAtLimit
    return Choice(operator_id, "manual", None, distributor.consider(source_id))


async def drain(session: AsyncSession, queues: Queues) -> set[int]:
    """Give out what waits in these queues, oldest first, looking at most at `CHUNK` of it.

    To be called in the transaction of whatever may have freed capacity.

    Returns:
        The sources for which somebody may be available yet; the rest is for `drain_rest`.

    """
    if not queues.source_ids:
        return set()
    distributor = await open_distributor(session, queues.source_ids, queues.locked)
    sources = {id for id, rotation in distributor.rotations.items() if rotation.has_queue}
    tally = Tally(distributor.rotations)
    most_operators = max((len(one.candidates) for one in distributor.rotations.values()), default=0)
    left = max(1, min(CHUNK, MOST_CANDIDATES // max(1, most_operators)))
    rest = queues.others
    while (room := distributor.room(sources)) and left:
        most = int(min(left, sum(room.values())))
        waiting = await InteractionCRUD(session).list_waiting(
            room, limit=most, since=queues.since, before=queues.before
        )
        if waiting:
            await _give_out(session, distributor, tally, waiting)
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


async def drain_source(session: AsyncSession, source_id: int) -> set[int]:
    """Drain the queue of a source whose rules or weights have changed."""
    return await drain(session, oldest_queues({source_id: 0}))


async def drain_rest(database: Database, source_ids: Collection[int]) -> None:
    """Go on where `drain` stopped, with a turn for intake after each transaction.

    Nothing overtakes what waits meanwhile: see `intake`. Where this is cut short, `background`
    goes on.
    """
    while source_ids:
        async with database.reading() as session:
            queues = oldest_queues(await QueueCRUD(session).get_available(source_ids))
        if not queues.source_ids:
            return
        source_ids = await database.write(partial(drain, queues=queues))


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


async def _give_out(
    session: AsyncSession, distributor: Distributor, tally: Tally, waiting: Sequence[WaitingRow]
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
            assignments.append(NewAssignment(row.id, *choice))
            tally.give_out(row.source_id, row.created_at, choice)
        else:
            without_room.add(row.source_id)
    await interactions.set_operators(given)
    await AssignmentCRUD(session).create_many(assignments)
