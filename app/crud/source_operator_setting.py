"""Weights of operators in sources."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import and_, bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Base, Operator, Source, SourceOperatorSetting

_sources, _operators, _settings = (
    Base.metadata.tables[model.__tablename__] for model in (Source, Operator, SourceOperatorSetting)
)
_CANDIDATES_BY_SOURCE = (
    select(_sources.c.id, _operators.c.id, _settings.c.weight)
    .select_from(_sources)
    .outerjoin(_settings, _settings.c.source_id == _sources.c.id)
    .outerjoin(_operators, and_(_operators.c.id == _settings.c.operator_id, _operators.c.active))
    .where(_sources.c.id.in_(bindparam("source_ids", expanding=True)))
    .order_by(_sources.c.id, _operators.c.id)
)


class Candidate(NamedTuple):
    """An active operator of a source, as the distribution sees them."""

    operator_id: int
    weight: int


class SourceOperatorSettingCRUD:
    """Reads and replaces the weights of a source."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list_by_source(self, source_id: int) -> Sequence[SourceOperatorSetting]:
        """All settings of a source, by operator id."""
        settings = await self._session.scalars(
            select(SourceOperatorSetting)
            .where(SourceOperatorSetting.source_id == source_id)
            .order_by(SourceOperatorSetting.operator_id)
        )
        return settings.all()

    async def list_with_activity(self, source_id: int) -> list[tuple[Candidate, bool]] | None:
        """All operators of a source and whether they are active; None without such a source.

        In one statement: two would see the state before and after somebody else's change.
        """
        rows = (
            await self._session.execute(
                select(_settings.c.operator_id, _settings.c.weight, _operators.c.active)
                .select_from(_sources)
                .outerjoin(_settings, _settings.c.source_id == _sources.c.id)
                .outerjoin(_operators, _operators.c.id == _settings.c.operator_id)
                .where(_sources.c.id == source_id)
                .order_by(_settings.c.operator_id)
            )
        ).all()
        if not rows:
            return None
        # A source without operators comes as one row of nothing.
        return [(Candidate(id, weight), active) for id, weight, active in rows if id is not None]

    async def get_candidates_for_distribution(self, source_id: int) -> list[Candidate]:
        """The active operators of a source, by operator id; none if there is no such source."""
        return (await self.get_candidates_by_source([source_id])).get(source_id, [])

    async def get_candidates_by_source(
        self, source_ids: Iterable[int]
    ) -> dict[int, list[Candidate]]:
        """The active operators of several sources, in one statement.

        A source that does not exist has no entry; one without active operators has an empty list.
        """
        rows = await self._session.execute(_CANDIDATES_BY_SOURCE, {"source_ids": list(source_ids)})
        candidates: dict[int, list[Candidate]] = {}
        for source_id, operator_id, weight in rows:
            of_source = candidates.setdefault(source_id, [])
            if operator_id is not None:
                of_source.append(Candidate(operator_id, weight))
        return candidates

    async def replace_source_weights(
        self, source_id: int, weights: Mapping[int, int] | Iterable[tuple[int, int]]
    ) -> None:
        """Make these the weights of a source, by operator id, in place of all it had."""
        await self._session.execute(
            delete(SourceOperatorSetting).where(SourceOperatorSetting.source_id == source_id)
        )
        rows = [
            {"source_id": source_id, "operator_id": operator_id, "weight": weight}
            for operator_id, weight in sorted(dict(weights).items())
        ]
        if rows:
            await self._session.execute(insert(SourceOperatorSetting), rows)
