"""Operators' loads and queue lengths, for the metrics."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.crud import OperatorCRUD, SourceCRUD
from app.crud.operator import LoadAndLimit

MAX_SHOWN = 1000
"""Maximum number of sources, and of operators, in the metrics: each adds a time series."""


class Gauges(NamedTuple):
    """The queue lengths of the first sources, by source id, and the first operators' loads."""

    queues: dict[int, int]
    operators: list[LoadAndLimit]


async def read_gauges(session: AsyncSession) -> Gauges:
    """Read the gauges in two statements, from indexes that hold active interactions only."""
    return Gauges(
        queues=await SourceCRUD(session).list_queue_lengths(limit=MAX_SHOWN),
        operators=await OperatorCRUD(session).list_loads_and_limits(limit=MAX_SHOWN),
    )
