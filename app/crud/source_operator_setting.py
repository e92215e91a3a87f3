"""Weights of operators in sources, and the rules by which a source's operators are chosen."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    bindparam,
    case,
    delete,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.credits import carry_over
from app.core.distribution import Strategy
from app.core.errors import RolledBack
from app.crud.lock import OF_SOURCES, LockCRUD, Locked
from app.crud.operator import LOAD_AGAINST_LIMIT
from app.crud.queue import oldest_in
from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.db.bulk.statement import bulk_insert, bulk_update
from app.db.bulk.together import Query
from app.db.session import is_sqlite
from app.models import Base, Operator, Source, SourceOperatorSetting

_sources, _operators, _settings = (
    Base.metadata.tables[model.__tablename__] for model in (Source, Operator, SourceOperatorSetting)
)
_ROTATIONS = (
    select(
        _sources.c.id,
        _sources.c.strategy,
        _sources.c.enforce_load_limit,
        _sources.c.sticky,
        oldest_in(_sources.c.id).is_not(None),
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
_LOCKED_ROTATIONS = _ROTATIONS.where(OF_SOURCES.include(_sources.c.id))
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
    """As `LOAD_AGAINST_LIMIT`; None if the source enforces no limit or the operator has none."""


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
        return _rotations(rows)

    def locked_rotations(self, source_ids: Iterable[int]) -> Query[dict[int, Rotation]]:
        """A query for the rotations of sources that `LockCRUD.lock_first` has locked."""
        statement = _ROTATIONS if is_sqlite(self._session) else _LOCKED_ROTATIONS
        return Query(statement, {"source_ids": list(source_ids)}, _rotations)

    async def lock_rotations(
        self, source_ids: Collection[int], locked: Locked | None = None
    ) -> dict[int, Rotation]:
        """Lock several sources, unless `locked` covers them; return their rules and operators.

        Raises:
            RolledBack: weights were replaced before the sources were locked. Locking the new
                operators now would break the order.

        """
        locked = locked or await LockCRUD(self._session).lock(source_ids)
        rotations = await self.get_rotations(source_ids)
        found = (
            candidate.operator_id
            for rotation in rotations.values()
            for candidate in rotation.candidates
        )
        if not locked.covers(rotations.keys(), found):
            raise RolledBack
        return rotations

    async def set_credits(self, credits: Mapping[tuple[int, int], int]) -> None:
        """Write credits by source and operator, in one statement."""
        await _SET_CREDITS.run(
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
            await _INSERT.run(self._session, added)
        if changed:
            await _UPDATE.run(self._session, changed)
        return bool(removed or added or changed)


def _rotations(rows: Sequence[Sequence[Any]]) -> dict[int, Rotation]:
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
