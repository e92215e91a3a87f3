"""Rows as one array per column, for PostgreSQL.

A statement then runs once for all rows. Running it once per row takes twice as long.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    Insert,
    TableClause,
    TableValuedAlias,
    bindparam,
    func,
    select,
)


def insert_from_arrays(statement: Insert, names: Sequence[str]) -> Insert:
    """An INSERT of rows from arrays."""
    rows = rows_of_arrays(statement.table, names)
    in_order = select(*(rows.c[name] for name in names)).order_by(rows.c.position)
    return statement.from_select(list(names), in_order, include_defaults=False)


def rows_of_arrays(table: TableClause, names: Sequence[str]) -> TableValuedAlias:
    """The arrays of `as_arrays` as a table within a statement, with a column `position`."""
    arrays = [
        bindparam(f"{table.name}_{name}", type_=ARRAY(table.c[name].type, dimensions=1))
        for name in names
    ]
    rows = func.unnest(*arrays).table_valued(*names, with_ordinality="position")
    return rows.render_derived(name="new")


def as_arrays(
    table: TableClause,
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    shared: Sequence[Any] = (),
) -> dict[str, Any]:
    """The parameters of such a statement; each row also has the shared values."""
    columns = [*map(list, zip(*rows, strict=True)), *([value] * len(rows) for value in shared)]
    return {f"{table.name}_{name}": column for name, column in zip(names, columns, strict=True)}
