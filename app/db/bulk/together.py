"""Statements that PostgreSQL runs in one round trip.

A round trip takes longer than most statements of intake. SELECTs become one UNION ALL, and
statements that write become parts of one WITH. All parts of such a statement see what was committed
before it began. On SQLite, which has no round trips, they run one after the other.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    Executable,
    Insert,
    Select,
    Update,
    cast,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import RolledBack
from app.db.bulk.execute import execute
from app.db.session import is_sqlite

Result = TypeVar("Result")
Write = Insert | Update

_COLLECTED = "writes that wait to run together"


class Query(Generic[Result]):
    """A SELECT with its parameters; once it has run, `result` is what `parse` makes of its rows."""

    result: Result

    def __init__(
        self,
        statement: Select[Any],
        parameters: Mapping[str, Any],
        parse: Callable[[Sequence[Sequence[Any]]], Result],
    ) -> None:
        self.statement = statement
        self.parameters = parameters
        self.parse = parse

    async def run(self, session: AsyncSession) -> Result:
        """Run it alone."""
        self.result = self.parse(await execute(session, self.statement, self.parameters))
        return self.result


async def read_together(session: AsyncSession, *queries: Query[Any]) -> None:
    """Run queries; those with a parameter of the same name must have the same value for it."""
    if is_sqlite(session):
        for query in queries:
            await query.run(session)
        return
    statement = _union(*(query.statement for query in queries))
    parameters: dict[str, Any] = {}
    for query in queries:
        parameters |= query.parameters
    parts: list[list[Sequence[Any]]] = [[] for _ in queries]
    for part, *columns in await execute(session, statement, parameters):
        parts[part].append(columns)
    start = 0
    for query, rows in zip(queries, parts, strict=True):
        end = start + len(query.statement.selected_columns)
        query.result = query.parse([row[start:end] for row in rows])
        start = end


@asynccontextmanager
async def writing_together(session: AsyncSession, unique: str) -> AsyncIterator[None]:
    """Run the bulk statements of this block when it ends, on PostgreSQL.

    Each must write other rows than the others. Constraints are checked when all have run.

    Args:
        session: the transaction.
        unique: the constraint on values that another transaction may have inserted since this one
            looked for them.

    Raises:
        RolledBack: another transaction has done so; a retry will find its rows.

    """
    collected: list[tuple[Write, Mapping[str, Any]]] = []
    session.info[_COLLECTED] = collected
    try:
        yield
    finally:
        del session.info[_COLLECTED]
    if collected:
        parameters: dict[str, Any] = {}
        for _, values in collected:
            parameters |= values
        try:
            await execute(session, _with(*(statement for statement, _ in collected)), parameters)
        except DBAPIError as error:
            if getattr(error.orig, "constraint_name", None) == unique:
                raise RolledBack from error
            raise


def collect(session: AsyncSession, statement: Write, parameters: Mapping[str, Any]) -> bool:
    """Leave a statement to `writing_together`; return whether its block has begun."""
    collected = session.info.get(_COLLECTED)
    if collected is None:
        return False
    collected.append((statement, parameters))
    return True


@cache
def _union(*statements: Select[Any]) -> Executable:
    """Rows with the number of their statement, and the columns of all; others' are NULL."""
    subqueries = [statement.subquery() for statement in statements]
    columns = [column for subquery in subqueries for column in subquery.c]
    return union_all(
        *(
            select(
                literal(number),
                *(
                    column if column.table is subquery else cast(null(), column.type)
                    for column in columns
                ),
            ).select_from(subquery)
            for number, subquery in enumerate(subqueries)
        )
    )


@cache
def _with(*statements: Write) -> Executable:
    parts = (statement.cte(f"part_{number}") for number, statement in enumerate(statements))
    return select(literal(1)).add_cte(*parts)
