"""A hint for SQLite's planner, which assumes that few rows meet a condition on an index."""

from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def likely(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition, with the hint for SQLite that most rows meet it; PostgreSQL has statistics."""
    return _Likely(condition)


class _Likely(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:
        # Without the `= 1` that SQLAlchemy adds to functions on SQLite, which would hide the hint.
        return self


@compiles(_Likely)
def _plain(element: _Likely, compiler: SQLCompiler, **kwargs: Any) -> str:
    [condition] = element.clauses
    return f"({compiler.process(condition, **kwargs)})"


@compiles(_Likely, "sqlite")
def _hinted(element: _Likely, compiler: SQLCompiler, **kwargs: Any) -> str:
    [condition] = element.clauses
    return f"likely({compiler.process(condition, **kwargs)})"
