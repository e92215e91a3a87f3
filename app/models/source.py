"""A source: the bot or channel that inquiries come from."""

from sqlalchemy import String, false
from sqlalchemy.orm import Mapped, mapped_column

from app.core.distribution import Strategy
from app.db.types import BigId
from app.models.base import Base


class Source(Base):
    """A bot or channel, and the rules by which operators are chosen for its inquiries."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    description: Mapped[str]
    strategy: Mapped[Strategy] = mapped_column(
        String(16), default="smooth", server_default="smooth"
    )
    enforce_load_limit: Mapped[bool] = mapped_column(default=False, server_default=false())
    sticky: Mapped[bool] = mapped_column(default=False, server_default=false())
