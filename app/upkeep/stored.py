"""Tables as they are stored, read in batches and compared."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, Table, Text, column, func, select, table, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.models import Base

BATCH = 1000
"""Rows; of the longest payloads they are 64 MB."""


class StoredTable:
    """A table whose JSON is the text that is stored: nobody reads it and writes it anew."""

    def __init__(self, model: Table) -> None:
        self.name = model.name
        self.columns = [each.name for each in model.columns]
        self.clause = table(model.name, *(column(c.name, _stored(c.type)) for c in model.columns))
        self._key = [self.clause.c[each.name] for each in model.primary_key]
        self._key_of_row = [self.columns.index(each.name) for each in model.primary_key]

    async def count(self, connection: AsyncConnection) -> int:
        """How many rows there are."""
        return await connection.scalar(select(func.count()).select_from(self.clause)) or 0

    async def batches(self, connection: AsyncConnection) -> AsyncIterator[Sequence[Row[Any]]]:
        """All rows, in the key's order."""
        first = select(self.clause).order_by(*self._key).limit(BATCH)
        batch = (await connection.execute(first)).all()
        while batch:
            yield batch
            last = [batch[-1][position] for position in self._key_of_row]
            following = first.where(tuple_(*self._key) > tuple_(*last))
            batch = (await connection.execute(following)).all()


@dataclass
class Content:
    """What rows amount to: how many they are, and a hash that tells them from any others.

    The rows' hashes are added up, as databases differ in the order of texts.
    """

    rows: int = 0
    digest: int = 0

    def add(self, rows: Sequence[Row[Any]]) -> None:
        """Add rows, whose values are the same Python objects whatever the database."""
        self.rows += len(rows)
        hashes = (sha256(repr(tuple(row)).encode()).digest() for row in rows)
        self.digest += sum(int.from_bytes(each) for each in hashes)
        self.digest %= 2**256


def _stored(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(type_, TypeDecorator) and isinstance(type_.impl, Text):
        return type_.impl
    return type_


TABLES = [StoredTable(model) for model in Base.metadata.sorted_tables]
"""Parents before their children."""
