"""Sources in the database."""

from sqlalchemy import exists, select

from app.crud.base import ResourceCRUD
from app.crud.interaction import IS_WAITING
from app.models import Interaction, Source


class SourceCRUD(ResourceCRUD[Source]):
    """Creates, reads and changes sources."""

    model = Source

    async def ids_with_queue(self) -> set[int]:
        """The sources of which interactions wait."""
        has_queue = exists().where(Interaction.source_id == Source.id, IS_WAITING)
        return set(await self._session.scalars(select(Source.id).where(has_queue)))
