"""A source: the bot or channel that inquiries come from."""

from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import BigId
from app.models.base import Base


class Source(Base):
    """Where inquiries come from."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    description: Mapped[str]
