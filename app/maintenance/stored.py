"""Tables in their stored form, read in batches, checked and compared."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    Column,
    ColumnClause,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    column,
    func,
    select,
    table,
    tuple_,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.core.errors import MaintenanceError
from app.db.candidates_column import Candidates, decode
from app.models import Base, Interaction

BATCH = 1000
"""Rows in a batch; with the longest payloads they take 64 MB."""


class StoredTable:
    """A table with JSON and candidates in their stored form, neither decoded nor encoded."""

    def __init__(self, model: Table) -> None:
        self.name = model.name
        self.columns = [each.name for each in model.columns]
        self.clause = table(model.name, *(column(c.name, _stored(c.type)) for c in model.columns))
        self._key = [self.clause.c[each.name] for each in model.primary_key]
        self._key_of_row = [self.columns.index(each.name) for each in model.primary_key]
        self._checks = [_check_of(each) for each in model.columns]

    async def count(self, connection: AsyncConnection) -> int:
        """The number of rows."""
        return await connection.scalar(select(func.count()).select_from(self.clause)) or 0

    async def batches(self, connection: AsyncConnection) -> AsyncIterator[Sequence[Row[Any]]]:
        """All rows, in the order of their keys.

        Raises:
            MaintenanceError: the service could not read a row; the message names its key.

        """
        first = select(self.clause).order_by(*self._key).limit(BATCH)
        batch = await self._read(connection, first)
        while batch:
            yield batch
            last = self._key_in(batch[-1])
            following = first.where(tuple_(*self._key) > tuple_(*last))
            batch = await self._read(connection, following)

    async def _read(
        self, connection: AsyncConnection, query: Select[tuple[Any, ...]]
    ) -> Sequence[Row[Any]]:
        try:
            batch: Sequence[Row[Any]] = (await connection.execute(query)).all()
        except (ValueError, TypeError, AttributeError, DBAPIError):
            await self._name_unreadable(connection, query)
            raise
        for row in batch:
            if not all(check(value) for check, value in zip(self._checks, row, strict=True)):
                raise self._unreadable(self._key_in(row))
        return batch

    def _key_in(self, row: Row[Any]) -> list[Any]:
        return [row[position] for position in self._key_of_row]

    async def _name_unreadable(
        self, connection: AsyncConnection, query: Select[tuple[Any, ...]]
    ) -> None:
        """Read a batch row by row, with keys in their stored form, and name the unreadable row."""
        raw: list[ColumnClause[Any]] = [column(each.name) for each in self._key]
        keys = query.with_only_columns(*raw, maintain_column_froms=True)
        for key in (await connection.execute(keys)).all():
            row = select(self.clause).where(tuple_(*raw) == tuple_(*key))
            try:
                (await connection.execute(row)).all()
            except (ValueError, TypeError, AttributeError, DBAPIError) as error:
                raise self._unreadable(key) from error

    def _unreadable(self, key: Sequence[Any]) -> MaintenanceError:
        names = " ".join(map(str, key))
        return MaintenanceError(
            f"row {names} of {self.name} has a value that the service cannot read."
        )


@dataclass
class Content:
    """The number of rows, and a hash of their content.

    The hashes of the rows are added up, as databases differ in the order of texts.
    """

    rows: int = 0
    digest: int = 0

    def add(self, rows: Sequence[Row[Any]]) -> None:
        """Add rows; their values are equal Python objects in all databases."""
        self.rows += len(rows)
        hashes = (sha256(repr(tuple(row)).encode()).digest() for row in rows)
        self.digest += sum(int.from_bytes(each) for each in hashes)
        self.digest %= 2**256


def _check_of(model_column: Column[Any]) -> Callable[[Any], bool]:
    """A function that tells whether the service can read a value."""
    type_ = model_column.type
    if isinstance(type_, Candidates):
        return partial(_is_parsed, decode)
    if model_column is Interaction.__table__.c.payload:
        return lambda text: text is None or _is_parsed(_parse_json, text)
    types = (type_.python_type, *([type(None)] if model_column.nullable else []))
    return lambda value: isinstance(value, types)


def _is_parsed(parse: Callable[[Any], Any], stored: Any) -> bool:
    try:
        parse(stored)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return False
    return True


def _not_json(constant: str) -> None:
    raise ValueError(constant)


_parse_json = partial(json.loads, parse_constant=_not_json)


def _stored(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(type_, TypeDecorator) and isinstance(type_.impl, Text | LargeBinary):
        return type_.impl
    return type_


TABLES = [StoredTable(model) for model in Base.metadata.sorted_tables]
"""Parent tables before their children."""
