"""Daily counts in the database."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert  # also compiles for SQLite
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.statement import bulk_insert
from app.models import Base, DailyCount

_table = Base.metadata.tables[DailyCount.__tablename__]


class CountKey(NamedTuple):
    """The key of a daily count."""

    source_id: int
    day: date
    operator_id: int


class Counts(NamedTuple):
    """The counts under one key; see the columns of `DailyCount`."""

    interactions: int = 0
    target: int = 0
    lost_to_limit: int = 0
    lost_to_inactivity: int = 0


_COUNTED = [_table.c[name] for name in Counts._fields]
_INSERT = insert(_table)
_ADD = bulk_insert(
    _INSERT.on_conflict_do_update(
        index_elements=list(_table.primary_key),
        set_={column.name: column + _INSERT.excluded[column.name] for column in _COUNTED},
    ),
    columns=[*CountKey._fields, *Counts._fields],
)


class DailyCountCRUD:
    """Adds to daily counts and sums them up."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, changes: Mapping[CountKey, Counts]) -> None:
        """Add these to the stored counts, in one statement."""
        # In key order, so that two transactions with the same keys cannot deadlock.
        await _ADD.run(self._session, [(*key, *changes[key]) for key in sorted(changes)])

    async def sum_by_operator(
        self, source_id: int, since: date | None, until: date | None
    ) -> dict[int, Counts]:
        """A source's counts from `since` to `until`, both included, summed by operator id."""
        rows = await self._session.execute(
            select(_table.c.operator_id, *(func.sum(column) for column in _COUNTED))
            .where(
                _table.c.source_id == source_id,
                _table.c.day.between(since or date.min, until or date.max),
            )
            .group_by(_table.c.operator_id)
            .order_by(_table.c.operator_id)
        )
        return {operator_id: Counts._make(map(int, sums)) for operator_id, *sums in rows}
