"""A daily count: who got how many of a source's inquiries of one day, and how many it should."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class DailyCount(Base):
    """An operator's part in the inquiries that came in through a source on one day, UTC.

    Kept along with the interactions, as counting a million of them takes too long for a report.
    """

    __tablename__ = "daily_counts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id"), primary_key=True)
    interactions: Mapped[int] = mapped_column(BigInteger)
    """Those that are the operator's at present, closed ones included."""
    target: Mapped[int] = mapped_column(BigInteger)
    """Billionths of an interaction that its weight was worth, whenever one was given out."""
    lost_to_limit: Mapped[int] = mapped_column(BigInteger)
    """That part of the target, in billionths, which it could not take as it was at its limit."""
    lost_to_inactivity: Mapped[int] = mapped_column(BigInteger)
    """That part which it could not take as it was inactive."""
