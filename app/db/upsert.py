"""INSERT … ON CONFLICT DO NOTHING, which the standard SQL layer does not have."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession


def insert_if_absent(session: AsyncSession, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves rows alone whose unique key is taken already."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
