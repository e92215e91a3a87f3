"""Runs SQLAlchemy Core statements, for the hot path."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.db.bulk.compiled import compiled
from app.db.postgres_transaction import DriverSession
from app.db.session import dialect_of
from app.db.sqlite_driver import connection_here


async def execute(
    session: AsyncSession, statement: Executable, parameters: Mapping[str, Any]
) -> Sequence[Any]:
    """Run a statement in the session's transaction, without the session's work for ORM objects.

    `AsyncSession.execute()` takes a third longer for a short statement. Where it runs on the driver
    itself, it is compiled once and remembered: build it only once.

    Returns:
        Its rows, as tuples; none if it returns no rows.

    """
    connection = connection_here()
    if connection is not None:
        return compiled(statement, dialect_of(session)).rows(connection, parameters)
    if isinstance(session, DriverSession):
        lean = compiled(statement, dialect_of(session))
        return lean.converted(await session.fetch(lean.sql, lean.values(parameters)))
    return await session.run_sync(_execute, statement, parameters)


def _execute(
    session: Session, statement: Executable, parameters: Mapping[str, Any]
) -> Sequence[Any]:
    result = session.connection().execute(statement, parameters)
    return result.all() if result.returns_rows else ()
