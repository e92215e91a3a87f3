"""Queues: the sources of which interactions wait, and whether an operator could take from them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.crud.interaction import IS_ACTIVE, IS_WAITING
from app.crud.operator import LOAD_AGAINST_LIMIT
from app.db.any_of import any_of
from app.db.execute import execute
from app.db.likely import likely
from app.models import Base, Interaction, Operator, Source, SourceOperatorSetting

FEW = 100
"""Sources of an operator up to which each is looked at; of more, those that have a queue."""

_interactions, _operators, _settings, _sources = (
    Base.metadata.tables[model.__tablename__]
    for model in (Interaction, Operator, SourceOperatorSetting, Source)
)
# As a rare condition, it would send SQLite to the index by operator, where all that wait stand
# together.
_next_waiting = select(func.min(_interactions.c.source_id)).where(
    IS_ACTIVE, likely(_interactions.c.operator_id.is_(None))
)
# From each source to the next one that has a queue, however long the queues are. PostgreSQL's wiki
# calls it a loose index scan.
_first = select(_next_waiting.scalar_subquery().label("source_id")).cte("queues", recursive=True)
_queues = _first.union_all(
    select(
        _next_waiting.where(_interactions.c.source_id > _first.c.source_id)
        .correlate(_first)
        .scalar_subquery()
    ).where(_first.c.source_id.is_not(None))
)
_ALL = select(_queues.c.source_id).where(_queues.c.source_id.is_not(None))
_answers_here = and_(
    _settings.c.operator_id == bindparam("operator_id", type_=_settings.c.operator_id.type),
    _settings.c.weight > 0,
)
_has_queue = exists().where(_interactions.c.source_id == _settings.c.source_id, IS_WAITING)
_FEW_OF_OPERATOR = (
    select(_settings.c.source_id, _has_queue).where(_answers_here).limit(bindparam("limit"))
)
_OF_OPERATOR = select(_settings.c.source_id).where(
    any_of(_settings.c.source_id, "source_ids"), _answers_here
)
_oldest = (
    select(_interactions.c.id)
    .where(IS_WAITING, _interactions.c.source_id == _sources.c.id)
    .order_by(_interactions.c.id)
    .limit(1)
    .correlate(_sources)
    .scalar_subquery()
)
_OLDEST = select(_sources.c.id, _oldest).where(any_of(_sources.c.id, "source_ids"))
_active = select(_operators.c.id).where(_operators.c.active == true())
# Once for all sources.
_below_limit = (
    _active.where(
        or_(_operators.c.load_limit.is_(None), _operators.c.load_limit > LOAD_AGAINST_LIMIT)
    )
    .cte("below_limit")
    .prefix_with("MATERIALIZED")
)
_AVAILABLE = _OLDEST.where(
    exists().where(
        _settings.c.source_id == _sources.c.id,
        _settings.c.weight > 0,
        or_(
            _settings.c.operator_id.in_(select(_below_limit.c.id)),
            and_(~_sources.c.enforce_load_limit, _settings.c.operator_id.in_(_active)),
        ),
    )
)


class QueueCRUD:
    """Reads which sources have a queue, at a cost that grows with these alone."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_all(self) -> set[int]:
        """The sources of which interactions wait."""
        return set((await execute(self._session, _ALL, {})).scalars())

    async def list_of_operator(self, operator_id: int) -> set[int]:
        """The sources of which interactions wait that this operator may get."""
        few = await execute(
            self._session, _FEW_OF_OPERATOR, {"operator_id": operator_id, "limit": FEW + 1}
        )
        found = few.all()
        if len(found) <= FEW:
            return {source_id for source_id, has_queue in found if has_queue}
        queues = await self.list_all()
        if not queues:
            return set()
        of_operator = await execute(
            self._session, _OF_OPERATOR, {"operator_id": operator_id, "source_ids": list(queues)}
        )
        return set(of_operator.scalars())

    async def get_oldest(self, source_ids: Iterable[int]) -> dict[int, int]:
        """The id of the interaction that waits longest, by source, of those that have a queue."""
        return await self._get(_OLDEST, source_ids)

    async def get_available(self, source_ids: Iterable[int]) -> dict[int, int]:
        """As `get_oldest`, of the sources for which an operator is available."""
        return await self._get(_AVAILABLE, source_ids)

    async def _get(self, statement: Select[Any], source_ids: Iterable[int]) -> dict[int, int]:
        sources = list(source_ids)
        if not sources:
            return {}
        rows = await execute(self._session, statement, {"source_ids": sources})
        return {source_id: oldest for source_id, oldest in rows if oldest is not None}
