"""Row locks, which only a database with several writers needs."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Executable, Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.execute import execute


async def lock_rows(
    session: AsyncSession, statement: Executable, parameters: Mapping[str, Any]
) -> Row[*tuple[Any, ...]] | None:
    """Lock the rows of a `SELECT … FOR UPDATE` until the transaction ends.

    Returns:
        The statement's only row; None on SQLite, where one transaction writes at a time.

    """
    if session.get_bind().dialect.name == "sqlite":
        return None
    row: Row[*tuple[Any, ...]]
    [row] = await execute(session, statement, parameters)
    return row
