"""Statements for many rows, without SQLAlchemy's overhead per row."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from sqlalchemy import (
    BindParameter,
    Dialect,
    Insert,
    Table,
    TableClause,
    Update,
    and_,
    bindparam,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.db.bulk.arrays import as_arrays, insert_from_arrays, rows_of_arrays
from app.db.bulk.compiled import compiled
from app.db.bulk.execute import execute
from app.db.bulk.together import collect
from app.db.session import dialect_of, is_sqlite
from app.db.sqlite_driver import connection_here

_PREFIX = "each_"
"""Begins the names of parameters: in an UPDATE, SQLAlchemy reserves those of the columns."""


class BulkStatement:
    """A statement that runs for many rows, given as tuples.

    `Session.execute()` requires a dict for each row, and looks up each value by name. This class
    converts one column at a time, and a value that all rows share only once.
    """

    def __init__(
        self,
        table: TableClause,
        one_by_one: Insert | Update,
        from_arrays: Insert | Update,
        columns: Sequence[str],
        shared: Sequence[str] = (),
    ) -> None:
        self._table = table
        self._one_by_one = one_by_one
        self._from_arrays = from_arrays
        self._names = [*columns, *shared]
        self._places: Sequence[int] = ()
        """For each parameter of the SQL for SQLite, the place of its value in a row."""

    async def run(
        self, session: AsyncSession, rows: Sequence[tuple[Any, ...]], *shared: Any
    ) -> None:
        """Run it for rows of the columns; each row also has the shared values.

        On PostgreSQL, within `writing_together`, it runs when that block ends.
        """
        if not is_sqlite(session):
            arrays = as_arrays(self._table, self._names, rows, shared)
            if not collect(session, self._from_arrays, arrays):
                await execute(session, self._from_arrays, arrays)
            return
        connection = connection_here()
        if connection is None:
            await session.run_sync(self._execute, rows, shared)
            return
        sql, parameters = self._bound(dialect_of(session), rows, shared)
        if len(rows) == 1:
            connection.execute(sql, parameters[0])
        else:
            connection.executemany(sql, parameters)

    def _execute(
        self, session: Session, rows: Sequence[tuple[Any, ...]], shared: Sequence[Any]
    ) -> None:
        connection = session.connection()
        sql, parameters = self._bound(connection.dialect, rows, shared)
        connection.exec_driver_sql(sql, parameters if len(rows) > 1 else parameters[0])

    def _bound(
        self, dialect: Dialect, rows: Sequence[tuple[Any, ...]], shared: Sequence[Any]
    ) -> tuple[str, list[tuple[Any, ...]]]:
        """The SQL for SQLite, and its parameters for each row."""
        statement = compiled(self._one_by_one, dialect)
        if not self._places:
            self._places = [
                self._names.index(name.removeprefix(_PREFIX)) for name, _ in statement.parameters
            ]
        columns = list(zip(*rows, strict=True))
        values: list[Iterable[Any]] = []
        for (_, convert), place in zip(statement.parameters, self._places, strict=True):
            if place < len(columns):
                column = columns[place]
                values.append(column if convert is None else map(convert, column))
            else:
                value = shared[place - len(columns)]
                values.append(repeat(value if convert is None else convert(value), len(rows)))
        return statement.sql, list(zip(*values, strict=True))


def bulk_insert(
    statement: Insert, columns: Sequence[str], shared: Sequence[str] = ()
) -> BulkStatement:
    """An INSERT of rows of the columns; each row also has the shared values."""
    names = [*columns, *shared]
    return BulkStatement(
        statement.table,
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
        table,
        statement(_parameters(table, names)),
        statement(rows_of_arrays(table, names).c),
        names,
    )


def _parameters(table: TableClause, names: Sequence[str]) -> dict[str, BindParameter[Any]]:
    return {name: bindparam(f"{_PREFIX}{name}", type_=table.c[name].type) for name in names}
