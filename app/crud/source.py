"""Sources in the database."""

from sqlalchemy import func, select

from app.crud.base import ResourceCRUD
from app.models import Interaction, Source
from app.models.interaction import IS_WAITING

# Per source, SQLite counts in the index of waiting interactions; with GROUP BY it used another
# index and read every row.
QUEUE_LENGTH = (
    select(func.count())
    .where(IS_WAITING, Interaction.source_id == Source.id)
    .correlate(Source)
    .scalar_subquery()
)


class SourceCRUD(ResourceCRUD[Source]):
    """Creates, reads and changes sources."""

    model = Source

    async def list_queue_lengths(self, *, limit: int) -> dict[int, int]:
        """How many interactions wait in each of the first sources, in id order."""
        rows = await self._session.execute(
            select(Source.id, QUEUE_LENGTH).order_by(Source.id).limit(limit)
        )
        return {id: length for id, length in rows}  # noqa: C416  # dict() has no type for rows
