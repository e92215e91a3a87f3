"""What SQLite's file may hold."""

from app.db.sqlite_schema import TABLES
from app.models import Base


def test_tables_are_the_models() -> None:
    """A new table is to be named where files are checked."""
    assert TABLES == {"alembic_version", *Base.metadata.tables}
