"""Records the SQL statements of a session."""

import re
from collections.abc import Callable, Iterator
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

    def note_on_driver(query: Any) -> None:
        sql = re.sub(r"^PREPARE \w+ AS ", "", query.query)
        # Not BEGIN and COMMIT, nor what the driver asks about types.
        if "$1" in sql and "typeinfo_tree" not in sql:
            statements.append(Statement(sql, tuple(query.args)))

    def listen(connection: Any, *_: Any) -> None:
        connection.driver_connection.add_query_logger(note_on_driver)

    def ignore(connection: Any, *_: Any) -> None:
        connection.driver_connection.remove_query_logger(note_on_driver)

    engine = session.get_bind()
    listeners: list[tuple[str, Callable[..., None]]] = [("before_cursor_execute", note)]
    if engine.dialect.name == "postgresql":
        # Statements that run on the driver, of all sessions that begin within the block.
        listeners += [("checkout", listen), ("checkin", ignore)]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        yield statements
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
