"""Weights of operators in sources, and the rules by which a source's operators are chosen."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    CompoundSelect,
    Row,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import carry_over
from app.core.distribution import Strategy
from app.crud.operator import LOAD_AGAINST_LIMIT
from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.db.bulk.statement import bulk_insert, bulk_update
from app.db.locking import lock_rows
from app.models import Base, Interaction, Operator, Source, SourceOperatorSetting
from app.models.interaction import IS_WAITING

_sources, _operators, _settings, _interactions = (
    Base.metadata.tables[model.__tablename__]
    for model in (Source, Operator, SourceOperatorSetting, Interaction)
)
_HAS_QUEUE = exists().where(_interactions.c.source_id == _sources.c.id, IS_WAITING)
_ROTATIONS = (
    select(
        _sources.c.id,
        _sources.c.strategy,
        _sources.c.enforce_load_limit,
        _sources.c.sticky,
        _HAS_QUEUE,
        _settings.c.operator_id,
        _settings.c.weight,
        _operators.c.active,
        _operators.c.load_limit,
        _settings.c.credit,
        case((_sources.c.enforce_load_limit, LOAD_AGAINST_LIMIT)),
    )
    .select_from(_sources)
    .outerjoin(_settings, _settings.c.source_id == _sources.c.id)
    .outerjoin(_operators, _operators.c.id == _settings.c.operator_id)
    .where(in_list(_sources.c.id, "source_ids"))
    .order_by(_sources.c.id, _settings.c.operator_id)
)
# FOR NO KEY UPDATE does not block inserts of rows that refer to these, which do no harm.
_locked_sources = (
    select(_sources.c.id)
    .where(in_list(_sources.c.id, "source_ids"))
    .order_by(_sources.c.id)
    .with_for_update(key_share=True)
    .cte("locked_sources")
)
# An array, so that PostgreSQL reads and thereby locks every row.
_all_locked_sources = func.array(select(_locked_sources.c.id).scalar_subquery())
_of_locked_sources = select(_settings.c.operator_id).where(
    _settings.c.source_id == func.any(_all_locked_sources)
)


def _lock(operator_ids: Select[int] | CompoundSelect[int]) -> Select[Any]:
    locked_operators = (
        select(_operators.c.id)
        .where(_operators.c.id.in_(operator_ids))
        .order_by(_operators.c.id)
        .with_for_update(key_share=True)
        .cte("locked_operators")
    )
    return select(_all_locked_sources, func.array(select(locked_operators.c.id).scalar_subquery()))


_LOCK = _lock(_of_locked_sources)
_named_operators = bindparam("operator_ids", type_=ARRAY(_operators.c.id.type, dimensions=1))
_LOCK_WITH_OPERATORS = _lock(union_all(_of_locked_sources, select(func.unnest(_named_operators))))
_SET_CREDITS = bulk_update(_settings, keys=["source_id", "operator_id"], columns=["credit"])
_UPDATE = bulk_update(_settings, keys=["source_id", "operator_id"], columns=["weight", "credit"])
_INSERT = bulk_insert(insert(_settings), columns=["source_id", "operator_id", "weight", "credit"])
_DELETE = delete(_settings).where(
    _settings.c.source_id == bindparam("of_source"),
    in_list(_settings.c.operator_id, "operator_ids"),
)


class Candidate(NamedTuple):
    """An operator of a source, as the distribution sees it."""

    operator_id: int
    weight: int
    active: bool = True
    load_limit: int | None = None
    credit: int = 0
    load: int | None = None
    """Active interactions over all sources; None where no limit is enforced."""


class Rotation(NamedTuple):
    """A source's rules and all its operators, by operator id."""

    strategy: Strategy
    enforce_load_limit: bool
    sticky: bool
    has_queue: bool
    candidates: list[Candidate]


class SourceOperatorSettingCRUD:
    """Reads, locks and replaces the weights of sources."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_by_source(self, source_id: int) -> Sequence[SourceOperatorSetting]:
        """All settings of a source, by operator id."""
        settings = await self._session.scalars(
            select(SourceOperatorSetting)
            .where(SourceOperatorSetting.source_id == source_id)
            .order_by(SourceOperatorSetting.operator_id)
            # Also reads what statements outside the ORM have written since.
            .execution_options(populate_existing=True)
        )
        return settings.all()

    async def get_candidates_for_distribution(self, source_id: int) -> list[Candidate]:
        """The active operators of a source, by operator id; none if there is no such source."""
        rotation = (await self.get_rotations([source_id])).get(source_id)
        if rotation is None:
            return []
        return [candidate for candidate in rotation.candidates if candidate.active]

    async def get_rotations(self, source_ids: Iterable[int]) -> dict[int, Rotation]:
        """The rules and operators of several sources, in one statement.

        A source that does not exist has no entry.
        """
        rows = await execute(self._session, _ROTATIONS, {"source_ids": list(source_ids)})
        rotations: dict[int, Rotation] = {}
        for source_id, strategy, enforce_load_limit, sticky, has_queue, *candidate in rows:
            rotation = rotations.get(source_id)
            if rotation is None:
                rotation = Rotation(strategy, enforce_load_limit, sticky, has_queue, [])
                rotations[source_id] = rotation
            # A source without operators is one row with NULLs for the candidate.
            if candidate[0] is not None:
                rotation.candidates.append(Candidate._make(candidate))
        return rotations

    async def lock(self, source_ids: Iterable[int], operator_ids: Iterable[int] = ()) -> bool:
        """Lock these sources and operators, so that no other transaction chooses for them.

        A transaction that changes a source, its weights or its interactions locks the source and
        its operators, as an operator's load counts in all its sources. It locks sources first, then
        operators, each in id order, to prevent deadlocks. On SQLite, where one transaction writes
        at a time, nothing is locked.

        The operators are those from before the wait; a transaction that chooses uses
        `lock_rotations`.

        Returns:
            Whether other transactions may have changed what was read before.

        """
        parameters = {"source_ids": list(source_ids), "operator_ids": list(operator_ids)}
        locked = await lock_rows(self._session, _LOCK_WITH_OPERATORS, parameters)
        return locked is not None

    async def lock_rotations(self, source_ids: Collection[int]) -> dict[int, Rotation]:
        """Lock several sources as `lock` does, and read their rules and operators."""
        while True:
            locked = await lock_rows(self._session, _LOCK, {"source_ids": list(source_ids)})
            rotations = await self.get_rotations(source_ids)
            if locked is None or _covers(locked, rotations):
                return rotations

    async def set_credits(self, credits: Mapping[tuple[int, int], int]) -> None:
        """Write credits by source and operator, in one statement."""
        await _SET_CREDITS(
            self._session, [(*key, credit) for key, credit in sorted(credits.items())]
        )

    async def replace_source_weights(
        self, source_id: int, weights: Mapping[int, int] | Iterable[tuple[int, int]]
    ) -> bool:
        """Replace all weights of a source with these, by operator id.

        Credits change as `carry_over` describes. Only rows that change are written.

        Returns:
            Whether any row changed.

        """
        rows = await self._session.execute(
            select(_settings.c.operator_id, _settings.c.weight, _settings.c.credit).where(
                _settings.c.source_id == source_id
            )
        )
        old = {operator_id: (weight, credit) for operator_id, weight, credit in rows}
        weights = dict(weights)
        credits = carry_over({id: credit for id, (_, credit) in old.items()}, weights)
        new = {id: (weights[id], credits[id]) for id in sorted(weights)}
        removed = sorted(old.keys() - new.keys())
        added = [(source_id, id, *values) for id, values in new.items() if id not in old]
        changed = [
            (source_id, id, *values)
            for id, values in new.items()
            if id in old and values != old[id]
        ]
        if removed:
            await execute(self._session, _DELETE, {"of_source": source_id, "operator_ids": removed})
        if added:
            await _INSERT(self._session, added)
        if changed:
            await _UPDATE(self._session, changed)
        return bool(removed or added or changed)


def _covers(locked: Row[Any], rotations: Mapping[int, Rotation]) -> bool:
    """Whether all are locked: weights may have been replaced before the source was locked."""
    sources, operators = map(set, locked)
    found = {
        candidate.operator_id
        for rotation in rotations.values()
        for candidate in rotation.candidates
    }
    return rotations.keys() <= sources and found <= operators
