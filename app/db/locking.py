"""Row locks, which only a database with several writers needs."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Row,
    Select,
    Text,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.bulk.execute import execute
from app.db.postgres_transaction import DriverSession
from app.db.session import is_sqlite


async def lock_rows(
    session: AsyncSession, statement: Executable, parameters: Mapping[str, Any]
) -> Row[*tuple[Any, ...]] | None:
    """Lock the rows of a `SELECT … FOR UPDATE` until the transaction ends.

    Returns:
        The statement's only row; None on SQLite, where one transaction writes at a time.

    """
    if is_sqlite(session):
        return None
    row: Row[*tuple[Any, ...]]
    [row] = await execute(session, statement, parameters)
    return row


class FirstLocks:
    """Statements that lock rows by one array of ids, in one round trip with BEGIN.

    Each one sees what was committed before it began, so also while an earlier one waited.

    Args:
        name: names the prepared statements.
        rows: a SELECT of ids, whose rows it locks.
        others: further SELECTs that lock rows.

    """

    def __init__(self, name: str, rows: Select[Any], *others: Select[Any]) -> None:
        self._setting = f"leads.{name}"
        locked = rows.cte("locked")
        ids = func.array(select(*locked.c).scalar_subquery())
        # The statements' rows are discarded, so the transaction keeps the ids in a setting.
        # Their only parameter is the array.
        setting: ColumnElement[str] = literal_column(f"'{self._setting}'")
        remember = select(func.set_config(setting, cast(ids, Text), true()))
        texts = [str(each.compile(dialect=dialect())) for each in (remember, *others)]  # type: ignore[no-untyped-call]  # has no types
        self._statements = {f"{name}_{number}": text for number, text in enumerate(texts)}

    def include(self, id: ColumnElement[int]) -> ColumnElement[bool]:
        """Whether `rows` has locked the row with this id; for statements on PostgreSQL."""
        ids = cast(func.current_setting(self._setting, true()), ARRAY(id.type, dimensions=1))
        return id == func.any(ids)

    async def lock(self, session: AsyncSession, ids: Iterable[int]) -> None:
        """Begin the session's transaction, and lock the rows until it ends."""
        if isinstance(session, DriverSession):
            await session.begin_with(self._statements, f"{{{','.join(map(str, ids))}}}")
