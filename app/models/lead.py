"""A lead: a person who sends inquiries."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from app.core.limits import MAX_EMAIL_LENGTH
from app.db.types import UTCDateTime, utc_now
from app.models.base import Base

if TYPE_CHECKING:
    from app.models.interaction import Interaction


class Lead(Base):
    """A person who sends inquiries, identified by one e-mail address."""

    __tablename__ = "leads"

    # UUIDs that ascend with time: random ones dirty a page of each index for every new lead.
    uuid: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    email: Mapped[str] = mapped_column(String(MAX_EMAIL_LENGTH), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)

    interactions: Mapped[list["Interaction"]] = relationship(
        back_populates="lead", order_by="Interaction.id", lazy="raise"
    )
