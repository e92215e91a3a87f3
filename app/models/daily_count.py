"""A daily count: how many of a source's inquiries of one day an operator got, and its target."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class DailyCount(Base):
    """An operator's part in the inquiries that a source received on one day, UTC.

    Written with the interactions, as counting a million of them takes too long for a report.
    """

    __tablename__ = "daily_counts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    interactions: Mapped[int] = mapped_column(BigInteger)
    """Interactions that the operator has now, closed ones included."""
    target: Mapped[int] = mapped_column(BigInteger)
    """The sum of its quotas, in billionths of an interaction, one for each first assignment."""
    lost_to_limit: Mapped[int] = mapped_column(BigInteger)
    """The part of the target, in billionths, that accrued while the operator was at its limit."""
    lost_to_inactivity: Mapped[int] = mapped_column(BigInteger)
    """The part of the target, in billionths, that accrued while the operator was inactive."""
