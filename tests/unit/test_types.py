"""A point in time is read from every database as it was stored, in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import StatementError

from app.crud import LeadCRUD
from app.db.database import Database
from app.models import Lead
from tests.support.kinds import only_sqlite
from tests.support.rows import Rows


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


@only_sqlite
@pytest.mark.parametrize(
    ("stored", "moment"),
    [
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05.5+02:00", datetime(2026, 1, 2, 1, 4, 5, 500000, tzinfo=UTC)),
    ],
)
async def test_text_of_another_program(
    database: Database, rows: Rows, stored: str, moment: datetime
) -> None:
    """A date without a time, and a time with its zone, are read in UTC, too."""
    rows.execute(
        "INSERT INTO leads VALUES ('22222222222222222222222222222222', 'a@example.com', ?)",
        [stored],
    )
    async with database.reading() as session:
        lead = await LeadCRUD(session).get_by_email("a@example.com")

    assert lead is not None
    assert (moment, UTC) == (lead.created_at, lead.created_at.tzinfo)
