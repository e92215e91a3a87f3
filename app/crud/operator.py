"""Operators in the database."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import case, exists, func, literal, select

from app.crud.base import ResourceCRUD
from app.crud.source import QUEUE_LENGTH
from app.models import Interaction, Operator, Source, SourceOperatorSetting
from app.models.interaction import IS_ACTIVE, IS_WAITING

_LOAD = (
    select(func.count())
    .where(IS_ACTIVE, Interaction.operator_id == Operator.id)
    .correlate(Operator)
    .scalar_subquery()
)
_GREATEST_LIMIT = select(func.max(Operator.load_limit)).scalar_subquery()
_active_interactions = (
    select(literal(1))
    .where(IS_ACTIVE, Interaction.operator_id == Operator.id)
    .correlate(Operator)
    .limit(_GREATEST_LIMIT)
    .subquery("active_ones")
)
LOAD_AGAINST_LIMIT = case(
    (
        Operator.load_limit.is_not(None),
        select(func.count()).select_from(_active_interactions).scalar_subquery(),
    )
)
"""Active interactions, counted up to the highest load limit; NULL without a load limit."""
# Computed once for all operators, as an operator may be in thousands of sources.
_QUEUES = (
    select(Source.id.label("source_id"), QUEUE_LENGTH.label("length"))
    .where(exists().where(IS_WAITING, Interaction.source_id == Source.id).correlate(Source))
    .cte("queues")
    .prefix_with("MATERIALIZED")
)
_WAITING = (
    select(SourceOperatorSetting.operator_id, func.sum(_QUEUES.c.length).label("waiting"))
    .join_from(
        _QUEUES, SourceOperatorSetting, SourceOperatorSetting.source_id == _QUEUES.c.source_id
    )
    # The list makes SQLite look up these sources' settings instead of scanning the table.
    .where(
        SourceOperatorSetting.source_id.in_(select(_QUEUES.c.source_id)),
        SourceOperatorSetting.weight > 0,
    )
    .group_by(SourceOperatorSetting.operator_id)
    .cte("waiting")
    .prefix_with("MATERIALIZED")
)


class OperatorLoad(NamedTuple):
    """An operator's load, and the length of the queues of sources that give it a weight above 0."""

    id: int
    name: str
    active: bool
    load_limit: int | None
    load: int
    waiting: int


class LoadAndLimit(NamedTuple):
    """An operator's load and limit."""

    id: int
    load: int
    load_limit: int | None


class OperatorCRUD(ResourceCRUD[Operator]):
    """Creates, reads and changes operators."""

    model = Operator

    async def existing_ids(self, ids: Iterable[int]) -> set[int]:
        """Which of these ids belong to an operator."""
        return set(await self._session.scalars(select(Operator.id).where(Operator.id.in_(ids))))

    async def get_by_ids(self, ids: Iterable[int]) -> Sequence[Operator]:
        """The operators with these ids, in id order; unknown ids are left out."""
        operators = await self._session.scalars(
            select(Operator).where(Operator.id.in_(ids)).order_by(Operator.id)
        )
        return operators.all()

    async def names(self, ids: Iterable[int]) -> dict[int, str]:
        """The names of the operators with these ids."""
        return {operator.id: operator.name for operator in await self.get_by_ids(ids)}

    async def get_loads(self, ids: Iterable[int]) -> dict[int, int | None]:
        """Active interactions by operator, as `LOAD_AGAINST_LIMIT`; None without a load limit."""
        rows = await self._session.execute(
            select(Operator.id, LOAD_AGAINST_LIMIT).where(Operator.id.in_(ids))
        )
        return {id: load for id, load in rows}  # noqa: C416  # dict() has no type for rows

    async def list_loads(self, *, limit: int, after: int = 0) -> list[OperatorLoad]:
        """The loads of the operators after this id, in id order, in one statement."""
        rows = await self._session.execute(
            select(
                Operator.id,
                Operator.name,
                Operator.active,
                Operator.load_limit,
                _LOAD,
                func.coalesce(_WAITING.c.waiting, 0),
            )
            .outerjoin(_WAITING, _WAITING.c.operator_id == Operator.id)
            .where(Operator.id > after)
            .order_by(Operator.id)
            .limit(limit)
        )
        return [OperatorLoad._make(row) for row in rows]

    async def list_loads_and_limits(self, *, limit: int) -> list[LoadAndLimit]:
        """The loads and limits of the first operators, in id order."""
        rows = await self._session.execute(
            select(Operator.id, _LOAD, Operator.load_limit).order_by(Operator.id).limit(limit)
        )
        return [LoadAndLimit._make(row) for row in rows]
