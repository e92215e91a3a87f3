"""The operators of a source, and their weights."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.limits import MAX_WEIGHT
from app.db.types import BigId
from app.models.base import Base


class SourceOperatorSetting(Base):
    """An operator's weight in a source; 0 keeps the link but takes the operator out of rotation."""

    __tablename__ = "source_operator_settings"
    __table_args__ = (
        UniqueConstraint("source_id", "operator_id"),
        Index(None, "operator_id"),
        CheckConstraint(f"weight BETWEEN 0 AND {MAX_WEIGHT}", name="weight_range"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id"))
    weight: Mapped[int]
    credit: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """What the strategy `smooth` owes the operator, less what the operator owes.

    `core.credits.INQUIRY` is one inquiry; a source's credits sum to 0.
    """
