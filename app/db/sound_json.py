"""JSON text that is validated when it is read."""

from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

DAMAGED = ""
"""Replaces a text that is not JSON, which a manual edit of SQLite's file may leave."""


def sound_json(column: ColumnElement[Any]) -> ColumnElement[str]:
    """The column's text if it is JSON, else `DAMAGED`; SQLite validates it in its thread."""
    return _SoundJSON(column)


class _SoundJSON(FunctionElement[str]):
    type = Text()
    inherit_cache = True


@compiles(_SoundJSON)
def _unchecked(element: _SoundJSON, compiler: SQLCompiler, **kwargs: Any) -> str:
    [text] = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return text


@compiles(_SoundJSON, "sqlite")
def _checked(element: _SoundJSON, compiler: SQLCompiler, **kwargs: Any) -> str:
    [text] = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"CASE WHEN json_valid({text}) THEN {text} WHEN {text} IS NOT NULL THEN '' END"
