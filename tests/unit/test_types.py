"""A point in time is read from every database as it was stored, in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from app.crud import LeadCRUD
from app.db.database import Database
from app.models import Lead


async def test_moment_comes_back_as_utc(database: Database) -> None:
    """Another zone's moment is the same moment in UTC."""
    moment = datetime(2026, 3, 29, 1, 59, 59, 123456, timezone(timedelta(hours=5, minutes=45)))
    async with database.writing() as session:
        session.add(Lead(email="lead@example.com", created_at=moment))
    async with database.reading() as session:
        lead = await LeadCRUD(session).get_by_email("lead@example.com")

    assert lead is not None
    assert moment == lead.created_at
    assert UTC == lead.created_at.tzinfo


async def test_moment_without_zone_is_refused(database: Database) -> None:
    """A naive datetime does not identify a point in time."""
    naive = datetime(2026, 3, 29, 1, 59, 59)  # noqa: DTZ001  # naive on purpose
    with pytest.raises(StatementError, match="must have a time zone"):
        async with database.writing() as session:
            session.add(Lead(email="lead@example.com", created_at=naive))
