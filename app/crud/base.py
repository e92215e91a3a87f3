"""The base class of the repositories of sources and operators."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.id_order import draw_alone
from app.models import Operator, Source

Resource = TypeVar("Resource", Source, Operator)


class ResourceCRUD(Generic[Resource]):
    """Creates, reads and changes rows that are never deleted. Subclasses name their `model`."""

    model: ClassVar[type[Any]]

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(self, **values: Any) -> Resource:
        """Insert a row and return it with its id; transactions commit rows in id order."""
        await draw_alone(self._session, self.model.__table__)
        resource: Resource = self.model(**values)
        self._session.add(resource)
        await self._session.flush()
        return resource

    async def get_by_id(self, id: int) -> Resource | None:
        """The row with this id, read again from the database; None if there is no such row."""
        return await self._session.get(self.model, id, populate_existing=True)

    async def lock(self, id: int) -> Resource | None:
        """Lock the row with this id until the transaction ends; return it, or None if missing."""
        return await self._session.get(
            self.model, id, populate_existing=True, with_for_update={"key_share": True}
        )

    async def list_page(self, *, limit: int, after: int = 0) -> Sequence[Resource]:
        """At most `limit` rows whose id is greater than `after`, in id order."""
        rows = await self._session.scalars(
            select(self.model).where(self.model.id > after).order_by(self.model.id).limit(limit)
        )
        return rows.all()

    async def update(self, id: int, changes: Mapping[str, object]) -> Resource | None:
        """Change the named columns of the row with this id; None if there is no such row."""
        if not changes:
            return await self.get_by_id(id)
        rows = await self._session.scalars(
            update(self.model).where(self.model.id == id).values(changes).returning(self.model),
            execution_options={"synchronize_session": False, "populate_existing": True},
        )
        return rows.one_or_none()
