"""Operators' loads and the lengths of queues, for metrics."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.crud import OperatorCRUD, SourceCRUD
from app.crud.operator import LoadAndLimit

MAX_SHOWN = 1000
"""Sources and operators that are shown at most: each makes series of its own."""


class Gauges(NamedTuple):
    """The lengths of the first sources' queues, by source id, and the first operators' loads."""

    queues: dict[int, int]
    operators: list[LoadAndLimit]


async def read_gauges(session: AsyncSession) -> Gauges:
    """Read it in two statements, from indexes that hold active interactions only."""
    return Gauges(
        queues=await SourceCRUD(session).list_queue_lengths(limit=MAX_SHOWN),
        operators=await OperatorCRUD(session).list_loads_and_limits(limit=MAX_SHOWN),
    )
