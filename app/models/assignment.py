"""An assignment: one move of an interaction, and the reason for it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.distribution import CandidateSnapshot, Reason, Strategy
from app.db.candidates_column import Candidates
from app.db.types import BigId, UTCDateTime, utc_now
from app.models.base import Base


class Assignment(Base):
    """The operator assigned to an interaction, when and why; None if it had to wait."""

    __tablename__ = "assignments"
    __table_args__ = (Index("ix_assignments_interaction_id_id", "interaction_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interactions.id"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id"))
    reason: Mapped[Reason] = mapped_column(String(16))
    strategy: Mapped[Strategy | None] = mapped_column(String(16))
    candidates: Mapped[Sequence[CandidateSnapshot]] = mapped_column(Candidates)
    """The source's operators as they were then."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
