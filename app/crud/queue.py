"""Queues: the sources with waiting interactions, and whether an operator is available."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.crud.interaction import Place
from app.crud.operator import LOAD_AGAINST_LIMIT
from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.db.bulk.likely import likely
from app.models import Base, Interaction, Operator, Source, SourceOperatorSetting
from app.models.interaction import IS_ACTIVE

FEW = 100
"""Up to this number of sources of an operator, a statement looks up each of them; beyond it, each
source with a queue."""

_interactions, _operators, _settings, _sources = (
    Base.metadata.tables[model.__tablename__]
    for model in (Interaction, Operator, SourceOperatorSetting, Source)
)
# If SQLite assumed that few rows meet this condition, it would use the index by operator, in which
# all waiting interactions have the same key.
_IS_WAITING = (IS_ACTIVE, likely(_interactions.c.operator_id.is_(None)))
_next_waiting = select(func.min(_interactions.c.source_id)).where(*_IS_WAITING)
# Steps from one source with a queue to the next, at a cost that does not depend on the length of
# the queues. PostgreSQL's wiki calls it a loose index scan.
_first = select(_next_waiting.scalar_subquery().label("source_id")).cte("queues", recursive=True)
_queues = _first.union_all(
    select(
        _next_waiting.where(_interactions.c.source_id > _first.c.source_id)
        .correlate(_first)
        .scalar_subquery()
    ).where(_first.c.source_id.is_not(None))
)
_ALL = select(_queues.c.source_id).where(_queues.c.source_id.is_not(None))


def oldest_in(source_id: ColumnElement[int]) -> ScalarSelect[int]:
    """The id of the oldest waiting interaction of a source, or NULL if there is none."""
    # A range in the order of the one index that has it: for `source_id = x ORDER BY id LIMIT 1`,
    # PostgreSQL may read all active interactions, or the whole queue.
    return (
        select(_interactions.c.id)
        .where(*_IS_WAITING, _interactions.c.source_id.between(source_id, source_id))
        .order_by(_interactions.c.source_id, _interactions.c.id)
        .limit(1)
        .scalar_subquery()
    )


def queues_of(operator_id: ColumnElement[int]) -> CompoundSelect[int, int]:
    """The `source_id` of each queue that an operator can take from, and the `oldest` in it.

    Sources without a queue may be among them, with NULL as the oldest.
    """
    is_of_operator = _settings.c.operator_id == operator_id
    few = (
        select(_settings.c.source_id)
        .where(is_of_operator, _settings.c.weight > 0)
        .limit(FEW + 1)
        .cte("few")
        .prefix_with("MATERIALIZED")
    )
    are_few = select(func.count()).select_from(few).scalar_subquery() <= FEW
    # A subquery for each queue: PostgreSQL turns EXISTS into a join, which reads all the sources.
    weight_in_queue = (
        select(_settings.c.weight)
        .where(_settings.c.source_id == _queues.c.source_id, is_of_operator)
        .scalar_subquery()
    )
    return union_all(
        select(few.c.source_id, oldest_in(few.c.source_id).label("oldest")).where(are_few),
        select(_queues.c.source_id, oldest_in(_queues.c.source_id)).where(
            not_(are_few), weight_in_queue > 0
        ),
    )


_is_interaction = _interactions.c.id == bindparam("interaction_id", type_=_interactions.c.id.type)
SOURCE_OF_INTERACTION = select(_interactions.c.source_id).where(_is_interaction)
OPERATOR_OF_INTERACTION = select(_interactions.c.operator_id).where(_is_interaction)
_OF_OPERATOR = queues_of(bindparam("operator_id", type_=_settings.c.operator_id.type))
_of_its_operator = queues_of(OPERATOR_OF_INTERACTION.scalar_subquery()).subquery("of_its_operator")
_PLACE_AND_QUEUES = (
    select(*(_interactions.c[name] for name in Place._fields), *_of_its_operator.c)
    .select_from(_interactions)
    .outerjoin(_of_its_operator, _of_its_operator.c.oldest.is_not(None))
    .where(_is_interaction)
)
_active = select(_operators.c.id).where(_operators.c.active == true())
# Computed once for all sources.
_below_limit = (
    _active.where(
        or_(_operators.c.load_limit.is_(None), _operators.c.load_limit > LOAD_AGAINST_LIMIT)
    )
    .cte("below_limit")
    .prefix_with("MATERIALIZED")
)
_AVAILABLE = select(_sources.c.id, oldest_in(_sources.c.id)).where(
    in_list(_sources.c.id, "source_ids"),
    exists().where(
        _settings.c.source_id == _sources.c.id,
        _settings.c.weight > 0,
        or_(
            _settings.c.operator_id.in_(select(_below_limit.c.id)),
            and_(~_sources.c.enforce_load_limit, _settings.c.operator_id.in_(_active)),
        ),
    ),
)


class QueueCRUD:
    """Reads which sources have a queue; the cost grows only with the number of these sources."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_all(self) -> set[int]:
        """The ids of the sources with waiting interactions."""
        return {id for (id,) in await execute(self._session, _ALL, {})}

    async def get_oldest_of_operator(self, operator_id: int) -> dict[int, int]:
        """The oldest waiting interaction's id in each source that gives this operator weight."""
        rows = await execute(self._session, _OF_OPERATOR, {"operator_id": operator_id})
        return _non_empty(rows)

    async def get_place_and_oldest(
        self, interaction_id: int
    ) -> tuple[Place, dict[int, int]] | None:
        """An interaction's place, and `get_oldest_of_operator` of its operator, in one statement.

        None if there is no such interaction.
        """
        parameters = {"interaction_id": interaction_id}
        rows = await execute(self._session, _PLACE_AND_QUEUES, parameters)
        if not rows:
            return None
        place = Place._make(rows[0][:-2])
        return place, _non_empty(row[-2:] for row in rows)

    async def get_available(self, source_ids: Iterable[int]) -> dict[int, int]:
        """The oldest waiting interaction's id in each source that has an operator available."""
        sources = list(source_ids)
        if not sources:
            return {}
        return _non_empty(await execute(self._session, _AVAILABLE, {"source_ids": sources}))


def _non_empty(rows: Iterable[Any]) -> dict[int, int]:
    return {source_id: oldest for source_id, oldest in rows if oldest is not None}
