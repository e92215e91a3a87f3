"""The tables that a SQLite file may have."""

from app.db.sqlite_schema import TABLES
from app.models import Base


def test_tables_are_the_models() -> None:
    """A new table must be added to those that are checked."""
    assert TABLES == {"alembic_version", *Base.metadata.tables}
