"""A hint to SQLite's planner, which takes every condition on an index for a rare one."""

from typing import Any, Self

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def likely(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition, of which SQLite is told that most rows meet it; PostgreSQL counts them."""
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
