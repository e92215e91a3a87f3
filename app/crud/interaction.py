"""Interactions in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, false, insert, not_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.types import utc_now
from app.models import Base, Interaction, Lead


class NewInteraction(NamedTuple):
    """What a new interaction is made of."""

    lead_uuid: UUID
    source_id: int
    operator_id: int | None = None
    payload: Any = None


class InteractionRow(NamedTuple):
    """An interaction as it stands in the database."""

    id: int
    lead_uuid: UUID
    source_id: int
    operator_id: int | None
    payload: Any
    is_active: bool
    created_at: datetime
    closed_at: datetime | None = None


_table = Base.metadata.tables[Interaction.__tablename__]
_leads = Base.metadata.tables[Lead.__tablename__]
COLUMNS = tuple(_table.c[name] for name in InteractionRow._fields)
_INSERT = insert(_table)
_INSERT_FIRST = _INSERT.returning(_table.c.id)
_BY_LEAD = (
    select(*COLUMNS)
    .select_from(_leads)
    .outerjoin(_table, and_(_table.c.lead_uuid == _leads.c.uuid, _table.c.id > bindparam("after")))
    .where(_leads.c.uuid == bindparam("lead_uuid"))
    .order_by(_table.c.id)
    .limit(bindparam("limit"))
)
_is_active = _table.c.is_active == true()
_is_closed = _table.c.is_active == false()
_is_waiting = and_(_is_active, _table.c.operator_id.is_(None))


class InteractionCRUD:
    """Writes, closes and lists interactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(
        self, lead_uuid: UUID, source_id: int, operator_id: int | None = None, payload: Any = None
    ) -> Interaction:
        """A new interaction, with its id."""
        [row] = await self.create_many([NewInteraction(lead_uuid, source_id, operator_id, payload)])
        return await self._session.get_one(Interaction, row.id)

    async def create_many(self, interactions: Sequence[NewInteraction]) -> list[InteractionRow]:
        """New interactions, in at most two statements; their ids rise in the order given.

        Only the first asks for its id: under the write lock nobody else takes those that follow,
        and SQLite runs INSERT … RETURNING once for each row.
        """
        now = utc_now()
        first = {**interactions[0]._asdict(), "is_active": True, "created_at": now}
        first_id = (await self._session.execute(_INSERT_FIRST, first)).scalar_one()
        rows = [
            InteractionRow(id, *new, is_active=True, created_at=now)
            for id, new in enumerate(interactions, start=first_id)
        ]
        if len(rows) > 1:
            await self._session.execute(_INSERT, [row._asdict() for row in rows[1:]])
        return rows

    async def get_by_id(self, id: int) -> Interaction | None:
        """The interaction with this id, if there is one."""
        return await self._session.get(Interaction, id)

    async def set_inactive(self, id: int) -> Interaction | None:
        """The interaction with this id, closed now unless it was closed before."""
        interaction = await self.get_by_id(id)
        if interaction is not None and interaction.is_active:
            interaction.is_active = False
            interaction.closed_at = utc_now()
            await self._session.flush()
        return interaction

    async def list_by_lead(
        self, lead_uuid: UUID, *, limit: int, after: int = 0
    ) -> list[InteractionRow] | None:
        """A lead's interactions after this id, oldest first; None if there is no such lead."""
        rows = await self._session.execute(
            _BY_LEAD, {"lead_uuid": lead_uuid, "after": after, "limit": limit}
        )
        found = rows.all()
        if not found:
            return None
        # A lead without interactions comes as one row of nothing.
        return [InteractionRow._make(row) for row in found if row[0] is not None]

    async def list_page(
        self,
        *,
        limit: int,
        after: int = 0,
        operator_id: int | None = None,
        source_id: int | None = None,
        is_active: bool | None = None,
        waiting: bool | None = None,
    ) -> list[InteractionRow]:
        """Interactions after this id, oldest first; a filter that is None lets everything pass."""
        query = select(*COLUMNS).where(_table.c.id > after).order_by(_table.c.id).limit(limit)
        if operator_id is not None:
            query = query.where(_table.c.operator_id == operator_id)
        if source_id is not None:
            query = query.where(_table.c.source_id == source_id)
        if is_active is not None:
            query = query.where(_is_active if is_active else _is_closed)
        if waiting is not None:
            query = query.where(_is_waiting if waiting else not_(_is_waiting))
        return [InteractionRow._make(row) for row in await self._session.execute(query)]

    async def flush(self) -> None:
        """Send what is pending to the database, inside the transaction."""
        await self._session.flush()

    async def commit(self) -> None:
        """Commit the session's transaction."""
        await self._session.commit()
