"""JSON text as it is stored, checked where it is read."""

from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

DAMAGED = ""
"""Stands for a text that is no JSON, as an edit of SQLite's file by hand may leave it."""


def sound_json(column: ColumnElement[Any]) -> ColumnElement[str]:
    """The column's text if it is JSON, else `DAMAGED`; SQLite's thread checks it, not Python."""
    return _SoundJSON(column)


class _SoundJSON(FunctionElement[str]):
    type = Text()
    inherit_cache = True


@compiles(_SoundJSON)
def _as_it_is(element: _SoundJSON, compiler: SQLCompiler, **kwargs: Any) -> str:
    [text] = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return text


@compiles(_SoundJSON, "sqlite")
def _checked(element: _SoundJSON, compiler: SQLCompiler, **kwargs: Any) -> str:
    [text] = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"CASE WHEN json_valid({text}) THEN {text} WHEN {text} IS NOT NULL THEN '' END"
