"""Operators in the database."""

from collections.abc import Iterable

from sqlalchemy import select

from app.crud.base import ResourceCRUD
from app.models import Operator


class OperatorCRUD(ResourceCRUD[Operator]):
    """Creates, reads and changes operators."""

    model = Operator

    async def existing_ids(self, ids: Iterable[int]) -> set[int]:
        """Those of the ids that belong to an operator."""
        return set(await self._session.scalars(select(Operator.id).where(Operator.id.in_(ids))))
