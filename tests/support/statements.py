"""Records the SQL statements of a session."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession


class Statement(NamedTuple):
    """SQL as the driver gets it."""

    sql: str
    parameters: tuple[Any, ...] | list[tuple[Any, ...]]
    """A list where the statement runs once for each item."""


@contextmanager
def noted(session: AsyncSession) -> Iterator[list[Statement]]:
    """The statements that a session sends while the block runs, in order."""
    statements: list[Statement] = []

    def note(_conn: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        statements.append(Statement(sql, parameters))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)
