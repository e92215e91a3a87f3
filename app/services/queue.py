"""Moves interactions: closes them, assigns them by hand, and gives out those that wait."""

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import (
    InteractionClosed,
    InteractionNotFound,
    NobodyElse,
    OperatorAtLimit,
    OperatorInactive,
    OperatorNotFound,
)
from app.crud import (
    AssignmentCRUD,
    InteractionCRUD,
    OperatorCRUD,
    SourceCRUD,
    SourceOperatorSettingCRUD,
)
from app.crud.assignment import NewAssignment
from app.crud.interaction import Latest, WaitingRow
from app.db.database import Database
from app.models import Interaction
from app.services.tally import Tally
from app.utils.distribution import Choice, Distributor, open_distributor, write_credits

CHUNK = 500
"""Waiting interactions that one transaction gives out; intake's turn comes after it."""


async def close(database: Database, interaction_id: int) -> Interaction:
    """Close an interaction, and give what its operator can take now to those who wait.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    return await database.write(partial(_close, interaction_id=interaction_id))


async def assign(database: Database, interaction_id: int, operator_id: int | None) -> Interaction:
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
    return await database.write(
        partial(_assign, interaction_id=interaction_id, operator_id=operator_id)
    )


async def _close(session: AsyncSession, interaction_id: int) -> Interaction:
    interaction = await _lock_interaction(session, interaction_id)
    if interaction.is_active:
        await InteractionCRUD(session).set_inactive(interaction_id)
        await drain_for_operator(session, interaction.operator_id)
    return interaction


async def _assign(
    session: AsyncSession, interaction_id: int, operator_id: int | None
) -> Interaction:
    interaction = await _lock_interaction(session, interaction_id)
    if not interaction.is_active:
        raise InteractionClosed
    before = interaction.operator_id
    if operator_id is not None and operator_id == before:
        return interaction
    distributor = await open_distributor(session, [interaction.source_id])
    if operator_id is None:
        choice = distributor.choose(interaction.source_id, without=before)
    else:
        choice = await _choose_by_hand(session, distributor, interaction, operator_id)
    if choice.operator_id is None:
        raise NobodyElse
    interaction.operator_id = choice.operator_id
    await session.flush()
    await AssignmentCRUD(session).create_many([NewAssignment(interaction_id, *choice)])
    await write_credits(session, distributor)
    tally = Tally(distributor.rotations)
    tally.move(
        interaction.source_id, interaction.created_at, before, choice.operator_id, choice.reason
    )
    await tally.write(session)
    await drain_for_operator(session, before)
    return interaction


async def _lock_interaction(session: AsyncSession, interaction_id: int) -> Interaction:
    """An interaction as it is, with all that its operator's places are for kept from changing.

    It may go to another operator of its source before the lock is had. So the sources of all of
    them are locked: to lock more of them later would be out of order, and could end in a deadlock.
    It still can where staff give it by hand to somebody else; then one of the two begins anew.
    """
    interaction = await InteractionCRUD(session).get_by_id(interaction_id)
    if interaction is None:
        raise InteractionNotFound
    settings = SourceOperatorSettingCRUD(session)
    operators = await settings.get_operators_of(interaction.source_id)
    if interaction.operator_id is not None:
        operators.add(interaction.operator_id)
    await settings.lock({interaction.source_id} | await settings.get_sources_of(operators))
    await session.refresh(interaction)
    return interaction


async def _choose_by_hand(
    session: AsyncSession, distributor: Distributor, interaction: Interaction, operator_id: int
) -> Choice:
    operator = await OperatorCRUD(session).lock(operator_id)
    if operator is None:
        raise OperatorNotFound
    if not operator.active:
        raise OperatorInactive
    if distributor.rotations[interaction.source_id].enforce_load_limit:
        load = (await OperatorCRUD(session).get_loads([operator_id]))[operator_id]
        if load is not None and load >= (operator.load_limit or 0):
            raise OperatorAtLimit
    return Choice(operator_id, "manual", None, distributor.consider(interaction.source_id))


async def drain_for_operator(session: AsyncSession, operator_id: int | None) -> set[int]:
    """Drain the sources in whose rotation this operator is; nobody is in none."""
    if operator_id is None:
        return set()
    return await drain(
        session, await SourceOperatorSettingCRUD(session).get_sources_of([operator_id])
    )


async def drain(session: AsyncSession, source_ids: Collection[int]) -> set[int]:
    """Give out what waits in these sources, oldest first, at most `CHUNK` of it.

    To be called in the transaction of whatever may have freed capacity.

    Returns:
        The sources for which somebody is available yet; the rest is for `drain_rest`.

    """
    distributor = await open_distributor(session, source_ids)
    queues = {id for id, rotation in distributor.rotations.items() if rotation.has_queue}
    tally = Tally(distributor.rotations)
    left = CHUNK
    while (room := distributor.room(queues)) and left:
        most = int(min(left, sum(room.values())))
        waiting = await InteractionCRUD(session).list_waiting(room, limit=most)
        if waiting:
            left -= await _give_out(session, distributor, tally, waiting)
        # Fewer than asked for: the queues are empty.
        queues = set() if len(waiting) < most else set(room)
    await write_credits(session, distributor)
    await tally.write(session)
    return set(room)


async def drain_rest(database: Database, source_ids: Collection[int]) -> None:
    """Go on where `drain` stopped, with a turn for intake after each transaction.

    Nothing overtakes what waits meanwhile: see `intake`. What this leaves behind when it is cut
    short goes out with the next events of its source, or when the service starts.
    """
    while source_ids:
        source_ids = await database.write(partial(drain, source_ids=source_ids))


async def drain_all(database: Database) -> None:
    """Give out all that waits and need not, as after a stop in the middle of a drain."""
    async with database.reading() as session:
        queues = await SourceCRUD(session).ids_with_queue()
    await drain_rest(database, queues)


async def _give_out(
    session: AsyncSession, distributor: Distributor, tally: Tally, waiting: Sequence[WaitingRow]
) -> int:
    """Give out these in order, as far as there is somebody for their source; says how many."""
    interactions = InteractionCRUD(session)
    sticky = {row.lead_uuid for row in waiting if distributor.rotations[row.source_id].sticky}
    latest = await interactions.get_latest(sticky) if sticky else {}
    given: dict[int, int] = {}
    assignments = []
    for row in waiting:
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
    await interactions.set_operators(given)
    await AssignmentCRUD(session).create_many(assignments)
    return len(given)
