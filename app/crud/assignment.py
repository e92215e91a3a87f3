"""Assignments in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.distribution import CandidateSnapshot, Reason, Strategy
from app.db.bulk.statement import bulk_insert
from app.db.types import utc_now
from app.models import Assignment, Base

_table = Base.metadata.tables[Assignment.__tablename__]


class NewAssignment(NamedTuple):
    """The values of a new assignment; `operator_id` is None if the interaction has to wait."""

    interaction_id: int
    operator_id: int | None
    reason: Reason
    strategy: Strategy | None
    candidates: Sequence[CandidateSnapshot]


_INSERT = bulk_insert(insert(_table), columns=NewAssignment._fields, shared=["created_at"])


class AssignmentRow(NamedTuple):
    """An assignment as stored."""

    id: int
    operator_id: int | None
    reason: Reason
    strategy: Strategy | None
    candidates: Sequence[CandidateSnapshot]
    created_at: datetime


class AssignmentCRUD:
    """Writes and lists assignments."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create_many(self, assignments: Sequence[NewAssignment]) -> None:
        """Insert these assignments, in one statement."""
        await _INSERT.run(self._session, assignments, utc_now())

    async def list_by_interaction(
        self, interaction_id: int, *, limit: int, after: int = 0
    ) -> list[AssignmentRow]:
        """An interaction's assignments after this id, oldest first."""
        rows = await self._session.execute(
            select(*(_table.c[name] for name in AssignmentRow._fields))
            .where(_table.c.interaction_id == interaction_id, _table.c.id > after)
            .order_by(_table.c.id)
            .limit(limit)
        )
        return [AssignmentRow._make(row) for row in rows]

    async def get_operator_at(self, interaction_id: int, assignment_id: int) -> int | None:
        """The operator of an interaction after this assignment; None if it had no operator."""
        return await self._session.scalar(
            select(_table.c.operator_id)
            .where(_table.c.interaction_id == interaction_id, _table.c.id <= assignment_id)
            .order_by(_table.c.id.desc())
            .limit(1)
        )
