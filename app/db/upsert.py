"""INSERT … ON CONFLICT DO NOTHING, which the standard SQL layer does not have."""

from functools import cache

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


@cache
def insert_if_absent(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves rows alone whose unique key is taken already."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
