"""INSERT of many rows in one statement, without what SQLAlchemy does for each of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Dialect, Insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.db.arrays import as_arrays, rows_of_arrays

_Processor = Callable[[Any], Any] | None


class BulkInsert:
    """An INSERT of rows that are tuples.

    `Session.execute()` wants a dict for each row, and looks every value up in it by name. Columns
    are converted as a whole here, and values that all rows share only once.
    """

    def __init__(
        self, statement: Insert, columns: Sequence[str], shared: Sequence[str] = ()
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._shared = shared
        self._from_arrays = from_arrays(statement, [*columns, *shared])
        self._compiled: _Compiled | None = None

    async def __call__(
        self, session: AsyncSession, rows: Sequence[tuple[Any, ...]], *shared: Any
    ) -> int:
        """Insert rows of the columns, and in each of them the shared values.

        Returns:
            How many were inserted.

        """
        if session.get_bind().dialect.name != "sqlite":
            values = as_arrays([*self._columns, *self._shared], rows, shared)
            inserted = await session.execute(self._from_arrays, values)
            return cast("CursorResult[Any]", inserted).rowcount
        return await session.run_sync(self._execute, rows, shared)

    def _execute(
        self, session: Session, rows: Sequence[tuple[Any, ...]], shared: Sequence[Any]
    ) -> int:
        connection = session.connection()
        if self._compiled is None:
            names = [*self._columns, *self._shared]
            self._compiled = _compile(self._statement, connection.dialect, names)
        columns = [*zip(*rows, strict=True), *([value] for value in shared)]
        values = []
        for position, process in self._compiled.parameters:
            column = columns[position]
            converted = list(column) if process is None else [process(value) for value in column]
            values.append(converted * len(rows) if position >= len(self._columns) else converted)
        parameters = list(zip(*values, strict=True))
        return connection.exec_driver_sql(self._compiled.sql, parameters).rowcount


def from_arrays(statement: Insert, names: Sequence[str]) -> Insert:
    """The statement with its rows from arrays, for PostgreSQL."""
    rows = rows_of_arrays(statement.table, names)
    in_order = select(*(rows.c[name] for name in names)).order_by(rows.c.position)
    return statement.from_select(list(names), in_order, include_defaults=False)


class _Compiled(NamedTuple):
    sql: str
    parameters: list[tuple[int, _Processor]]
    """Which of the columns each parameter is, and how it is converted."""


def _compile(statement: Insert, dialect: Dialect, names: Sequence[str]) -> _Compiled:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    return _Compiled(
        str(compiled),
        [
            (
                names.index(name),
                statement.table.c[name].type.dialect_impl(dialect).bind_processor(dialect),
            )
            for name in compiled.positiontup or ()
        ],
    )
