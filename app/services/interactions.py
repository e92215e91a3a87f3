"""Interactions: closing, assigning by staff, and reading the history of moves."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.distribution import CandidateSnapshot, Reason, Strategy
from app.core.errors import (
    InteractionClosed,
    InteractionNotFound,
    NobodyElse,
    OperatorAtLimit,
    OperatorInactive,
    OperatorNotFound,
    found,
)
from app.crud import AssignmentCRUD, InteractionCRUD, OperatorCRUD
from app.crud.assignment import AssignmentRow
from app.crud.interaction import InteractionRow
from app.db.database import Database
from app.db.session import WriteSession
from app.services.locking import lock_interaction
from app.services.queue import assign_remaining, assign_waiting
from app.services.tally import Tally
from app.utils.distribution import Choice, Distributor, open_distributor, write_credits
from app.utils.explanation import explain

PAGE_BYTES = 2**20
"""Approximate maximum size of a page in bytes; a move that exceeds it starts the next page."""

_CANDIDATE_BYTES = 128
"""Maximum size of a candidate in a response, in bytes."""

_READ_AT_ONCE = 20
"""Rows per statement; each may have a thousand candidates, and a page holds eight thousand."""


class Move(NamedTuple):
    """An assignment with its explanation in words."""

    id: int
    operator_id: int | None
    reason: Reason
    strategy: Strategy | None
    explanation: str
    candidates: Sequence[CandidateSnapshot]
    created_at: datetime


async def close(database: Database, interaction_id: int) -> InteractionRow:
    """Close an interaction, and assign waiting interactions to the capacity that this frees.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    interaction, rest = await database.write(partial(_close, interaction_id=interaction_id))
    await assign_remaining(database, rest)
    return interaction


async def assign(
    database: Database, interaction_id: int, operator_id: int | None
) -> InteractionRow:
    """Assign an interaction to this operator; with None, choose among the other operators.

    Waiting interactions are assigned to the capacity that this frees.

    Raises:
        InteractionNotFound: there is no such interaction.
        InteractionClosed: the interaction is closed.
        OperatorNotFound: there is no such operator.
        OperatorInactive: the operator is not active.
        OperatorAtLimit: the source enforces limits, and the operator is at its limit.
        NobodyElse: no operator other than the current one is available.

    """
    interaction, rest = await database.write(
        partial(_assign, interaction_id=interaction_id, operator_id=operator_id)
    )
    await assign_remaining(database, rest)
    return interaction


async def _close(session: WriteSession, interaction_id: int) -> tuple[InteractionRow, set[int]]:
    place, queues = await lock_interaction(session, interaction_id)
    closed = await InteractionCRUD(session).close(interaction_id)
    rest = await assign_waiting(session, queues) if place.is_active else set()
    return found(closed, InteractionNotFound), rest


async def _assign(
    session: WriteSession, interaction_id: int, operator_id: int | None
) -> tuple[InteractionRow, set[int]]:
    place, queues = await lock_interaction(session, interaction_id, operator_id)
    if not place.is_active:
        raise InteractionClosed
    interactions = InteractionCRUD(session)
    previous = place.operator_id
    if operator_id is not None and operator_id == previous:
        unchanged = await interactions.get_by_id(interaction_id)
        return InteractionRow.of(found(unchanged, InteractionNotFound)), set()
    distributor = await open_distributor(session, [place.source_id], queues.locked)
    if operator_id is None:
        choice = distributor.choose(place.source_id, exclude=previous)
    else:
        choice = await _choose_by_hand(session, distributor, place.source_id, operator_id)
    if choice.operator_id is None:
        raise NobodyElse
    assigned = await interactions.set_operator(interaction_id, choice.operator_id)
    await AssignmentCRUD(session).create_many([choice.assignment_of(interaction_id)])
    await write_credits(session, distributor)
    tally = Tally(distributor.rotations)
    if previous is None:
        tally.count_assigned(place.source_id, place.created_at, choice)
    else:
        tally.move(place.source_id, place.created_at, previous, choice.operator_id, choice.reason)
    await tally.write(session)
    return found(assigned, InteractionNotFound), await assign_waiting(session, queues)


async def _choose_by_hand(
    session: WriteSession, distributor: Distributor, source_id: int, operator_id: int
) -> Choice:
    operator = found(await OperatorCRUD(session).lock(operator_id), OperatorNotFound)
    if not operator.active:
        raise OperatorInactive
    if distributor.rotations[source_id].enforce_load_limit:
        load = (await OperatorCRUD(session).get_loads([operator_id]))[operator_id]
        if load is not None and load >= (operator.load_limit or 0):
            raise OperatorAtLimit
    return Choice(operator_id, "manual", None, distributor.consider(source_id))


async def list_moves(
    session: AsyncSession, interaction_id: int, *, limit: int, after: int = 0
) -> tuple[list[Move], bool]:
    """An interaction's moves after this id, oldest first, and whether there are more of them.

    Returns at most `limit` moves and about `PAGE_BYTES`, but at least one move if there is one.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    found(await InteractionCRUD(session).get_by_id(interaction_id), InteractionNotFound)
    assignments = AssignmentCRUD(session)
    previous_id = await assignments.get_operator_at(interaction_id, after) if after else None
    moves: list[Move] = []
    size = 0
    while rows := await assignments.list_by_interaction(
        interaction_id, limit=_READ_AT_ONCE, after=moves[-1].id if moves else after
    ):
        names = await OperatorCRUD(session).names(_operators_in(rows) | {previous_id or 0})
        for row in rows:
            explanation = explain(row, previous_id, names)
            size += len(explanation.encode()) + _CANDIDATE_BYTES * len(row.candidates)
            if len(moves) == limit or (moves and size > PAGE_BYTES):
                return moves, True
            moves.append(Move(explanation=explanation, **row._asdict()))
            previous_id = row.operator_id
        if len(rows) < _READ_AT_ONCE:
            break
    return moves, False


def _operators_in(rows: Sequence[AssignmentRow]) -> set[int]:
    candidates = {candidate.operator_id for row in rows for candidate in row.candidates}
    return candidates | {row.operator_id for row in rows if row.operator_id is not None}
