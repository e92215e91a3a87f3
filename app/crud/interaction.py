"""Interactions in the database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import Update, and_, bindparam, func, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exact_json import is_json
from app.core.limits import MAX_ID
from app.crud.interaction_ids import NEXT_IDS
from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.db.bulk.statement import bulk_insert, bulk_update
from app.db.id_order import UNTIL
from app.db.page import Page, SizedPage
from app.db.sound_json import DAMAGED, sound_json
from app.db.types import utc_now
from app.models import Base, Interaction, Lead
from app.models.interaction import IS_ACTIVE, IS_CLOSED, IS_WAITING, payload_text


class NewInteraction(NamedTuple):
    """The values of a new interaction."""

    lead_uuid: UUID
    source_id: int
    operator_id: int | None = None
    payload: str | None = None
    """As stored; see `payload_text`."""


class WaitingRow(NamedTuple):
    """A waiting interaction, with the columns that assigning it needs."""

    id: int
    source_id: int
    lead_uuid: UUID
    created_at: datetime


class Latest(NamedTuple):
    """A lead's latest interaction that has an operator, and that operator."""

    interaction_id: int
    operator_id: int


class Place(NamedTuple):
    """The source, operator and state of an interaction."""

    source_id: int
    operator_id: int | None
    is_active: bool
    created_at: datetime


class InteractionRow(NamedTuple):
    """An interaction as stored."""

    id: int
    lead_uuid: UUID
    source_id: int
    operator_id: int | None
    payload: str | None
    """JSON text; None for null, `DAMAGED` for a text that is not JSON."""
    is_active: bool
    created_at: datetime
    closed_at: datetime | None = None

    @classmethod
    def of(cls, interaction: Interaction) -> Self:
        """Convert an ORM object to a row."""
        payload = interaction.payload_text
        return cls.checked(
            payload if name == "payload" else getattr(interaction, name) for name in cls._fields
        )

    @classmethod
    def checked(cls, values: Iterable[Any]) -> Self:
        """Make a row from stored values; a payload that is not JSON becomes `DAMAGED`."""
        row = cls._make(values)
        return row if row.payload is None or is_json(row.payload) else row._replace(payload=DAMAGED)


_table = Base.metadata.tables[Interaction.__tablename__]
_earlier = _table.alias()
_leads = Base.metadata.tables[Lead.__tablename__]
COLUMNS = tuple(
    sound_json(_table.c.payload).label("payload") if name == "payload" else _table.c[name]
    for name in InteractionRow._fields
)
_INSERT = bulk_insert(
    insert(_table), columns=["id", *NewInteraction._fields], shared=["is_active", "created_at"]
)
_BY_LEAD = SizedPage(
    select(*COLUMNS)
    .select_from(_leads)
    .outerjoin(
        _table,
        and_(
            _table.c.lead_uuid == _leads.c.uuid,
            _table.c.id > bindparam("after"),
            _table.c.id <= UNTIL,
        ),
    )
    .where(_leads.c.uuid == bindparam("lead_uuid"))
    .order_by(_table.c.id)
    .limit(bindparam("limit")),
    column="payload",
)
_LATEST = (
    select(_leads.c.uuid, _table.c.id, _table.c.operator_id)
    .select_from(_leads)
    .join(
        _table,
        _table.c.id
        == select(_earlier.c.id)
        .where(_earlier.c.lead_uuid == _leads.c.uuid, _earlier.c.operator_id.is_not(None))
        .order_by(_earlier.c.id.desc())
        .limit(1)
        .correlate(_leads)
        .scalar_subquery(),
    )
    .where(in_list(_leads.c.uuid, "lead_uuids"))
)
# Without `sound_json`: in RETURNING, SQLite 3.40 treats NULL as a text that is not JSON.
_UPDATE = (
    update(_table)
    .where(_table.c.id == bindparam("of_id"))
    .returning(*(_table.c[name] for name in InteractionRow._fields))
)
_CLOSE = _UPDATE.where(IS_ACTIVE).values(is_active=False, closed_at=bindparam("now"))
_ASSIGN = _UPDATE.values(operator_id=bindparam("new_operator_id"))
_SET_OPERATORS = bulk_update(_table, keys=["id"], columns=["operator_id"])
_WAITING = (
    select(*(_table.c[name] for name in WaitingRow._fields))
    .where(
        IS_WAITING,
        in_list(_table.c.source_id, "source_ids"),
        _table.c.id >= bindparam("since", type_=_table.c.id.type),
        _table.c.id < bindparam("before", type_=_table.c.id.type),
    )
    .order_by(_table.c.id)
    .limit(bindparam("limit"))
)


@cache
def _filtered(ids: tuple[str, ...], *, is_active: bool | None, waiting: bool | None) -> SizedPage:
    """Pages of interactions, filtered by these columns and states."""
    query = select(*COLUMNS).where(_table.c.id > bindparam("after"), _table.c.id <= UNTIL)
    query = query.where(*(_table.c[name] == bindparam(name) for name in ids))
    if is_active is not None:
        query = query.where(IS_ACTIVE if is_active else IS_CLOSED)
    if waiting is not None:
        query = query.where(IS_WAITING if waiting else not_(IS_WAITING))
    return SizedPage(query.order_by(_table.c.id).limit(bindparam("limit")), column="payload")


class InteractionCRUD:
    """Writes, closes and lists interactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(
        self, lead_uuid: UUID, source_id: int, operator_id: int | None = None, payload: Any = None
    ) -> Interaction:
        """Create an interaction; it has its id when this returns."""
        new = NewInteraction(lead_uuid, source_id, operator_id, payload_text(payload))
        [row] = await self.create_many([new])
        return await self._session.get_one(Interaction, row.id)

    async def create_many(
        self, interactions: Sequence[NewInteraction], ids: Sequence[int] | None = None
    ) -> list[InteractionRow]:
        """Create interactions with these ids; without, with the next ones in the order given."""
        now = utc_now()
        if ids is None:
            ids = await NEXT_IDS.query(self._session, len(interactions)).run(self._session)
        new = list(zip(ids[: len(interactions)], interactions, strict=True))
        await _INSERT.run(self._session, [(id, *values) for id, values in new], True, now)
        return [InteractionRow(id, *values, is_active=True, created_at=now) for id, values in new]

    async def get_by_id(self, id: int) -> Interaction | None:
        """The interaction with this id, read again from the database; None if there is none."""
        return await self._session.get(Interaction, id, populate_existing=True)

    async def set_inactive(self, id: int) -> Interaction | None:
        """Close the interaction with this id if it is active, and return it; None if missing."""
        await self.close(id)
        return await self.get_by_id(id)

    async def close(self, id: int) -> InteractionRow | None:
        """Close an interaction as `set_inactive`, but return the row instead of an object."""
        row = await self._update(_CLOSE, id, now=utc_now())
        if row is not None:
            return row
        interaction = await self.get_by_id(id)
        return None if interaction is None else InteractionRow.of(interaction)

    async def set_operator(self, id: int, operator_id: int) -> InteractionRow | None:
        """Assign the interaction with this id to this operator, and return it; None if missing."""
        return await self._update(_ASSIGN, id, new_operator_id=operator_id)

    async def get_latest(self, lead_uuids: Iterable[UUID]) -> dict[UUID, Latest]:
        """Each lead's latest interaction that has an operator; leads without one have no entry."""
        rows = await execute(self._session, _LATEST, {"lead_uuids": list(lead_uuids)})
        return {lead_uuid: Latest(*latest) for lead_uuid, *latest in rows}

    async def list_waiting(
        self, source_ids: Iterable[int], *, limit: int, since: int = 0, before: int | None = None
    ) -> list[WaitingRow]:
        """Waiting interactions of these sources with `since` <= id < `before`, oldest first."""
        rows = await execute(
            self._session,
            _WAITING,
            {
                "source_ids": list(source_ids),
                "limit": limit,
                "since": since,
                "before": MAX_ID if before is None else before,
            },
        )
        return [WaitingRow._make(row) for row in rows]

    async def count_waiting(
        self, source_id: int, since: date | None = None, until: date | None = None
    ) -> int:
        """The number of a source's waiting interactions created on these days, in UTC."""
        waiting = select(func.count()).where(IS_WAITING, _table.c.source_id == source_id)
        if since is not None:
            first = datetime.combine(since, time.min, UTC)
            waiting = waiting.where(_table.c.created_at >= first)
        if until is not None:
            last = datetime.combine(until, time.max, UTC)
            waiting = waiting.where(_table.c.created_at <= last)
        return (await self._session.execute(waiting)).scalar_one()

    async def set_operators(self, operators: Mapping[int, int]) -> None:
        """Assign interactions to operators, by interaction id, in one statement."""
        await _SET_OPERATORS.run(self._session, list(operators.items()))

    async def list_by_lead(
        self, lead_uuid: UUID, *, limit: int, after: int = 0
    ) -> Page[InteractionRow] | None:
        """A lead's interactions after this id, oldest first; None if there is no such lead."""
        page = await _BY_LEAD.fetch(self._session, limit=limit, lead_uuid=lead_uuid, after=after)
        if not page.items and not page.left_out:
            return None
        # A lead without interactions is one row of NULLs.
        found = [InteractionRow._make(row) for row in page.items if row[0] is not None]
        return Page(found, page.has_more)

    async def list_page(
        self,
        *,
        limit: int,
        after: int = 0,
        operator_id: int | None = None,
        source_id: int | None = None,
        is_active: bool | None = None,
        waiting: bool | None = None,
    ) -> Page[InteractionRow]:
        """Interactions after this id, oldest first; a filter that is None does not apply."""
        ids = {"operator_id": operator_id, "source_id": source_id}
        named = {name: id for name, id in ids.items() if id is not None}
        pages = _filtered(tuple(named), is_active=is_active, waiting=waiting)
        page = await pages.fetch(self._session, limit=limit, after=after, **named)
        return Page([InteractionRow._make(row) for row in page.items], page.has_more)

    async def _update(self, statement: Update, id: int, **values: Any) -> InteractionRow | None:
        rows = await execute(self._session, statement, {"of_id": id, **values})
        return InteractionRow.checked(rows[0]) if rows else None

    async def flush(self) -> None:
        """Send pending changes to the database, inside the transaction."""
        await self._session.flush()

    async def commit(self) -> None:
        """Commit the session's transaction."""
        await self._session.commit()
