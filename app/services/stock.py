"""What is at hand and what waits, for whoever watches the service."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.crud import InteractionCRUD, OperatorCRUD
from app.crud.operator import OperatorLoad

MOST = 1000
"""Operators that are shown at most: each makes series of its own."""


class Stock(NamedTuple):
    """Waiting interactions by source id, and the loads of the first operators."""

    waiting: dict[int, int]
    operators: list[OperatorLoad]


async def read_stock(session: AsyncSession) -> Stock:
    """Read it in two statements, from indexes that hold active interactions only."""
    return Stock(
        waiting=await InteractionCRUD(session).count_waiting_by_source(),
        operators=await OperatorCRUD(session).list_loads(limit=MOST),
    )
