"""Statements as SQLAlchemy compiles them, for `sqlite3` or asyncpg itself.

SQLAlchemy takes 50 to 180 µs to run a statement that takes SQLite 5 to 20. This module has the same
SQL, and converts parameters and rows by the same functions. It is the only module that uses private
names of SQLAlchemy; `tests/db/test_compiled.py` names them.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Executable, Uuid
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

_Processor = Callable[[Any], Any] | None


class Compiled:
    """A statement with fixed SQL: values are not part of its text."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled: SQLCompiler = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # of every statement
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise TypeError("the SQL of this statement depends on its parameters")
        self.sql = compiled.string
        processors: Mapping[str, Any] = compiled._bind_processors  # noqa: SLF001  # no public name
        self.parameters: list[tuple[str, _Processor]] = [
            (name, processors.get(name)) for name in compiled.positiontup or ()
        ]
        """For each parameter its name and its conversion."""
        self._defaults = {
            name: bind.value for name, bind in compiled.binds.items() if not bind.required
        }
        self._columns = [
            _processor(column.type, dialect)
            for column in compiled._result_columns  # noqa: SLF001  # no public name
        ]
        self._converts = any(self._columns)

    def rows(
        self,
        connection: sqlite3.Connection,
        parameters: Mapping[str, Any],
        fetch: Callable[[sqlite3.Cursor], list[Any]] = sqlite3.Cursor.fetchall,
    ) -> Sequence[tuple[Any, ...]]:
        """Run the statement, and return its rows, or those that `fetch` reads of them."""
        return self.converted(fetch(connection.execute(self.sql, self.values(parameters))))

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The values for the driver, in order.

        Raises:
            KeyError: a parameter has no value.

        """
        all_values = {**self._defaults, **parameters}
        return [
            all_values[name] if convert is None else convert(all_values[name])
            for name, convert in self.parameters
        ]

    def converted(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        """The rows with Python's values."""
        if not self._converts or not rows:
            return rows
        columns = zip(*rows, strict=True)
        return list(
            zip(
                *(
                    column if convert is None else map(convert, column)
                    for column, convert in zip(columns, self._columns, strict=True)
                ),
                strict=True,
            )
        )


def _processor(type: TypeEngine[Any], dialect: Dialect) -> _Processor:
    processor: _Processor = type._cached_result_processor(dialect, None)  # noqa: SLF001  # of TypeDecorators, too
    # All rows of a lead's page have the same UUID.
    return lru_cache(64)(processor) if processor and isinstance(type, Uuid) else processor


_compiled: dict[tuple[Executable, str], Compiled] = {}


def compiled(statement: Executable, dialect: Dialect) -> Compiled:
    """The compiled statement, which is remembered: pass only statements that are built once."""
    key = statement, dialect.name
    found = _compiled.get(key)
    if found is None:
        found = _compiled[key] = Compiled(statement, dialect)
    return found
