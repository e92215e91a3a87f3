"""Locks on sources and operators, held until the transaction ends.

A transaction that changes a source, its weights or its interactions locks the source and its
operators, as an operator's load counts in all its sources. It locks sources first, then operators,
each in id order, so that no two transactions deadlock. On SQLite, where one transaction writes at a
time, nothing is locked.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Select,
    SelectBase,
    bindparam,
    func,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.crud.queue import OPERATOR_OF_INTERACTION, SOURCE_OF_INTERACTION, queues_of
from app.db.locking import FirstLocks, lock_rows
from app.models import Base, Operator, Source, SourceOperatorSetting

_sources, _operators, _settings = (
    Base.metadata.tables[model.__tablename__] for model in (Source, Operator, SourceOperatorSetting)
)


class Locked(NamedTuple):
    """The ids that a transaction has locked.

    Operators that another transaction added to a source during the wait for the lock are missing.
    """

    source_ids: frozenset[int] = frozenset()
    operator_ids: frozenset[int] = frozenset()
    everything: bool = False

    def covers(self, source_ids: Iterable[int], operator_ids: Iterable[int]) -> bool:
        """Whether all of these are locked."""
        return self.everything or (
            self.source_ids.issuperset(source_ids) and self.operator_ids.issuperset(operator_ids)
        )


def _ids(query: SelectBase) -> ColumnElement[Any]:
    # An array, so that PostgreSQL reads and thereby locks every row.
    return func.array(query.scalar_subquery())


def _lock(source_ids: ColumnElement[Any], *operator_ids: Select[Any]) -> Select[Any]:
    """Locks these sources, their operators and these operators; its only row has the locked ids."""
    # FOR NO KEY UPDATE does not block inserts of rows that reference these, which do no harm.
    locked_sources = (
        select(_sources.c.id)
        .where(_sources.c.id == func.any(source_ids))
        .order_by(_sources.c.id)
        .with_for_update(key_share=True)
        .cte("locked_sources")
    )
    locked_source_ids = _ids(select(locked_sources.c.id))
    of_sources = select(_settings.c.operator_id).where(
        _settings.c.source_id == func.any(locked_source_ids)
    )
    locked_operators = (
        select(_operators.c.id)
        .where(_operators.c.id == func.any(_ids(union_all(of_sources, *operator_ids))))
        .order_by(_operators.c.id)
        .with_for_update(key_share=True)
        .cte("locked_operators")
    )
    return select(locked_source_ids, _ids(select(locked_operators.c.id)))


def _oldest_queues(operator_id: ColumnElement[int]) -> Select[int]:
    queues = queues_of(operator_id).subquery()
    return (
        select(queues.c.source_id)
        .where(queues.c.oldest.is_not(None))
        .order_by(queues.c.oldest)
        .limit(bindparam("limit"))
    )


_id = _operators.c.id.type
_NAMED = _lock(
    bindparam("source_ids", type_=ARRAY(_id, dimensions=1)),
    select(func.unnest(bindparam("operator_ids", type_=ARRAY(_id, dimensions=1)))),
)
_operator_id = bindparam("operator_id", type_=_id)
_OPERATOR = _lock(_ids(_oldest_queues(_operator_id)), select(_operator_id))
_queues_of_its_operator = _oldest_queues(OPERATOR_OF_INTERACTION.scalar_subquery()).subquery()
_INTERACTION = _lock(
    _ids(union_all(SOURCE_OF_INTERACTION, select(_queues_of_its_operator.c.source_id))),
    OPERATOR_OF_INTERACTION,
    select(_operator_id),
)


_source_ids = bindparam("source_ids", type_=ARRAY(_id, dimensions=1))
OF_SOURCES = FirstLocks(
    "lock_of_sources",
    select(_sources.c.id)
    .where(_sources.c.id == func.any(_source_ids))
    .order_by(_sources.c.id)
    .with_for_update(key_share=True),
    select(_operators.c.id)
    .where(
        _operators.c.id.in_(
            select(_settings.c.operator_id).where(_settings.c.source_id == func.any(_source_ids))
        )
    )
    .order_by(_operators.c.id)
    .with_for_update(key_share=True),
)
"""Locks sources, then their operators. A source that is created meanwhile is not locked."""


class LockCRUD:
    """Locks sources and operators; each method also locks all operators of the sources."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_first(self, source_ids: Iterable[int]) -> None:
        """Begin the transaction with locks on these sources; call this before all else."""
        await OF_SOURCES.lock(self._session, source_ids)

    async def lock(self, source_ids: Iterable[int], operator_ids: Iterable[int] = ()) -> Locked:
        """Lock these sources and operators."""
        parameters = {"source_ids": list(source_ids), "operator_ids": list(operator_ids)}
        return await self._lock(_NAMED, parameters)

    async def lock_operator(self, operator_id: int, *, limit: int) -> Locked:
        """Lock an operator and the sources of its oldest queues, at most `limit` sources."""
        return await self._lock(_OPERATOR, {"operator_id": operator_id, "limit": limit})

    async def lock_interaction(
        self, interaction_id: int, operator_id: int | None = None, *, limit: int
    ) -> Locked:
        """Lock an interaction's source, its operator (as `lock_operator`) and another operator."""
        parameters = {"interaction_id": interaction_id, "operator_id": operator_id, "limit": limit}
        return await self._lock(_INTERACTION, parameters)

    async def _lock(self, statement: Executable, parameters: dict[str, Any]) -> Locked:
        row = await lock_rows(self._session, statement, parameters)
        if row is None:
            return Locked(everything=True)
        return Locked(frozenset(row[0]), frozenset(row[1]))
