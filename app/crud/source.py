"""Sources in the database."""

from app.crud.base import ResourceCRUD
from app.models import Source


class SourceCRUD(ResourceCRUD[Source]):
    """Creates, reads and changes sources."""

    model = Source
