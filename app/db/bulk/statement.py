"""Statements for many rows, without SQLAlchemy's overhead per row."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    CursorResult,
    Dialect,
    FromClause,
    Insert,
    Table,
    Update,
    and_,
    bindparam,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.db.bulk.arrays import as_arrays, insert_from_arrays, rows_of_arrays
from app.db.bulk.execute import execute

_Processor = Callable[[Any], Any] | None


class BulkStatement:
    """A statement that runs for many rows, given as tuples.

    `Session.execute()` requires a dict for each row, and looks up each value by name. This class
    converts one column at a time, and a value that all rows share only once.
    """

    def __init__(
        self,
        one_by_one: Insert | Update,
        from_arrays: Insert | Update,
        columns: Sequence[str],
        shared: Sequence[str] = (),
    ) -> None:
        self._one_by_one = one_by_one
        self._from_arrays = from_arrays
        self._columns = columns
        self._names = [*columns, *shared]
        self._compiled: _Compiled | None = None

    async def run(
        self, session: AsyncSession, rows: Sequence[tuple[Any, ...]], *shared: Any
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run it for rows of the columns; each row also has the shared values.

        Returns:
            A result with the number of rows written as `rowcount`, and on SQLite the id of a
            single row as `lastrowid`.

        """
        if session.get_bind().dialect.name != "sqlite":
            values = as_arrays(self._names, rows, shared)
            return await execute(session, self._from_arrays, values)
        return await session.run_sync(self._execute, rows, shared)

    def _execute(
        self, session: Session, rows: Sequence[tuple[Any, ...]], shared: Sequence[Any]
    ) -> CursorResult[*tuple[Any, ...]]:
        connection = session.connection()
        if self._compiled is None:
            self._compiled = _compile(self._one_by_one, connection.dialect, self._names)
        columns = [*zip(*rows, strict=True), *([value] for value in shared)]
        values = []
        for position, process in self._compiled.parameters:
            column = columns[position]
            converted = list(column) if process is None else [process(value) for value in column]
            values.append(converted * len(rows) if position >= len(self._columns) else converted)
        parameters = list(zip(*values, strict=True))
        return connection.exec_driver_sql(
            self._compiled.sql, parameters if len(parameters) > 1 else parameters[0]
        )


def bulk_insert(
    statement: Insert, columns: Sequence[str], shared: Sequence[str] = ()
) -> BulkStatement:
    """An INSERT of rows of the columns; each row also has the shared values."""
    names = [*columns, *shared]
    return BulkStatement(
        statement.values(_parameters(statement.table, names)),
        insert_from_arrays(statement, names),
        columns,
        shared,
    )


def bulk_update(table: Table, keys: Sequence[str], columns: Sequence[str]) -> BulkStatement:
    """An UPDATE by rows that are tuples: the keys that identify a row, then its new values."""
    names = [*keys, *columns]

    def statement(new: Any) -> Update:
        found = and_(*(table.c[name] == new[name] for name in keys))
        return update(table).where(found).values({name: new[name] for name in columns})

    return BulkStatement(
        statement(_parameters(table, names)), statement(rows_of_arrays(table, names).c), names
    )


def _parameters(table: FromClause, names: Sequence[str]) -> dict[str, BindParameter[Any]]:
    # With a prefix: in an UPDATE, SQLAlchemy reserves the names of the columns.
    return {name: bindparam(f"each_{name}", type_=table.c[name].type) for name in names}


class _Compiled(NamedTuple):
    sql: str
    parameters: list[tuple[int, _Processor]]
    """For each parameter, the position of its column and its conversion."""


def _compile(statement: Insert | Update, dialect: Dialect, names: Sequence[str]) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    positions = {f"each_{name}": position for position, name in enumerate(names)}
    return _Compiled(
        str(compiled),
        [
            (
                positions[name],
                compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect),
            )
            for name in compiled.positiontup or ()
        ],
    )
