"""Reads the moves of an interaction, each with its explanation."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.distribution import Considered, Reason, Strategy
from app.core.errors import InteractionNotFound, found
from app.crud import AssignmentCRUD, InteractionCRUD, OperatorCRUD
from app.crud.assignment import AssignmentRow
from app.utils.explanation import explain

PAGE_BYTES = 2**20
"""About how long a page may become: the next move begins another one."""

_CANDIDATE_BYTES = 128
"""What a candidate takes of an answer, at most."""

_READ_AT_ONCE = 20
"""Rows; each may have a thousand candidates, of which a page holds eight thousand."""


class Move(NamedTuple):
    """An assignment with its explanation in words."""

    id: int
    operator_id: int | None
    reason: Reason
    strategy: Strategy | None
    explanation: str
    candidates: Sequence[Considered]
    created_at: datetime


async def list_moves(
    session: AsyncSession, interaction_id: int, *, limit: int, after: int = 0
) -> tuple[list[Move], bool]:
    """An interaction's moves after this id, oldest first, and whether there are more of them.

    At most `limit`, and no more than come to `PAGE_BYTES`, but one at least.

    Raises:
        InteractionNotFound: there is no such interaction.

    """
    found(await InteractionCRUD(session).get_by_id(interaction_id), InteractionNotFound)
    assignments = AssignmentCRUD(session)
    operator_before = await assignments.get_operator_at(interaction_id, after) if after else None
    moves: list[Move] = []
    size = 0
    while rows := await assignments.list_by_interaction(
        interaction_id, limit=_READ_AT_ONCE, after=moves[-1].id if moves else after
    ):
        names = await OperatorCRUD(session).names(_operators_in(rows) | {operator_before or 0})
        for row in rows:
            explanation = explain(row, operator_before, names)
            size += len(explanation.encode()) + _CANDIDATE_BYTES * len(row.candidates)
            if len(moves) == limit or (moves and size > PAGE_BYTES):
                return moves, True
            moves.append(Move(explanation=explanation, **row._asdict()))
            operator_before = row.operator_id
        if len(rows) < _READ_AT_ONCE:
            break
    return moves, False


def _operators_in(rows: Sequence[AssignmentRow]) -> set[int]:
    candidates = {one.operator_id for row in rows for one in row.candidates}
    return candidates | {row.operator_id for row in rows if row.operator_id is not None}
