"""Row locks, which only a database with several writers needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Executable, Row, Select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.execute import execute
from app.db.postgres_transaction import DriverSession
from app.db.session import dialect_of


async def lock_rows(
    session: AsyncSession, statement: Executable, parameters: Mapping[str, Any]
) -> Row[*tuple[Any, ...]] | None:
    """Lock the rows of a `SELECT … FOR UPDATE` until the transaction ends.

    Returns:
        The statement's only row; None on SQLite, where one transaction writes at a time.

    """
    if dialect_of(session).name == "sqlite":
        return None
    row: Row[*tuple[Any, ...]]
    [row] = await execute(session, statement, parameters)
    return row


class FirstLocks:
    """Statements that lock rows, each by one array of ids, in one round trip with BEGIN.

    Each one sees what was committed before it began, so also while an earlier one waited.
    """

    def __init__(self, name: str, *statements: Select[Any]) -> None:
        texts = [str(statement.compile(dialect=dialect())) for statement in statements]  # type: ignore[no-untyped-call]
        self._statements = {f"{name}_{number}": text for number, text in enumerate(texts)}

    async def lock(self, session: AsyncSession, ids: Iterable[int]) -> None:
        """Begin the session's transaction, and lock the rows until it ends."""
        if isinstance(session, DriverSession):
            await session.begin_with(self._statements, f"{{{','.join(map(str, ids))}}}")
