"""INSERT of many rows in one statement, without what SQLAlchemy does for each of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import ARRAY, CursorResult, Dialect, Insert, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

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
    """The statement with its rows from one array a column, for PostgreSQL.

    It runs once; a statement that is run for many parameters takes twice as long.
    """
    arrays = [
        bindparam(f"all_{name}", type_=ARRAY(statement.table.c[name].type, dimensions=1))
        for name in names
    ]
    rows = (
        func.unnest(*arrays)
        .table_valued(*names, with_ordinality="position")
        .render_derived(name="new")
    )
    in_order = select(*(rows.c[name] for name in names)).order_by(rows.c.position)
    return statement.from_select(list(names), in_order, include_defaults=False)


def as_arrays(
    names: Sequence[str], rows: Sequence[tuple[Any, ...]], shared: Sequence[Any]
) -> dict[str, Any]:
    """The parameters of such a statement; each row has the shared values, too."""
    columns = [*map(list, zip(*rows, strict=True)), *([value] * len(rows) for value in shared)]
    return {f"all_{name}": column for name, column in zip(names, columns, strict=True)}


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
