"""Conditions on lists, with one statement text for lists of any length."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic_core import to_json
from sqlalchemy import ARRAY, Boolean, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


def in_list(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Whether the column's value is in the list bound to the parameter of this name.

    SQLAlchemy's own IN has a placeholder for each value: PostgreSQL then plans each length of list
    separately, which took longer than the rest of the statement.
    """
    return _InList(column, bindparam(parameter, type_=_ListOf(column.type)))


class _InList(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:
        # Without the `= 1` that SQLAlchemy adds to functions on SQLite: with it, SQLite would scan
        # the table and search the list for each row.
        return self


@compiles(_InList)
def _in_json(element: _InList, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, values = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  # rendered SQL


@compiles(_InList, "postgresql")
def _in_array(element: _InList, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, values = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"{column} = ANY ({values})"


class _ListOf(TypeDecorator[Sequence[Any]]):
    """An array on PostgreSQL, a JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(self.item, dimensions=1) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        values = list(value or ())
        if dialect.name == "postgresql":
            return values
        convert = self.item.dialect_impl(dialect).bind_processor(dialect)
        items = values if convert is None else [convert(each) for each in values]
        return to_json(items).decode()
