"""A copy of one database into another, of any kind, all of it or nothing."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.core.errors import MaintenanceError, StartupError
from app.db.backend import Backend, original
from app.db.bulk.statement import bulk_insert
from app.db.database import open_backend
from app.db.migrate import (
    current_revision,
    head_revision,
    is_newer,
    made_by_newer,
    upgraded,
)
from app.maintenance.progress import progress
from app.maintenance.stored import TABLES, Content, StoredTable

Advance = Callable[[int], None]


async def copy_database(from_url: str, to_url: str) -> int:
    """Copy all rows into a database that has none, in one transaction that brings its schema, too.

    The source is read in one state. Before the commit all is read back and compared.

    Returns:
        How many rows were copied.

    Raises:
        MaintenanceError: the source is served or not of this version, the target has rows, or the
            copy failed; the target is as it was.

    """
    source, target = open_backend(from_url, readers=1), open_backend(to_url, readers=1)
    try:
        async with _reading(source) as reader, _writing(target) as writer:
            total = sum([await table.count(reader) for table in TABLES])
            # Each row is copied, and then compared.
            with progress(f"{source.name} to {target.name}", 2 * total) as advance:
                return sum([await _copy(table, reader, writer, advance) for table in TABLES])
    except StartupError as error:
        raise MaintenanceError(str(error)) from error


@asynccontextmanager
async def _reading(source: Backend) -> AsyncIterator[AsyncConnection]:
    try:
        async with source.snapshot() as reader:
            revision = await reader.run_sync(current_revision)
            if is_newer(revision):
                raise MaintenanceError(made_by_newer(source, revision))
            if revision != head_revision():
                raise MaintenanceError(
                    f"{source.name} has no schema of this version; migrate it first."
                )
            await _require_parents(reader)
            yield reader
    except (DBAPIError, OSError) as error:
        raise MaintenanceError(f"{source.name} cannot be read: {_cause(error)}.") from error


async def _require_parents(reader: AsyncConnection) -> None:
    """Check what only SQLite lets be: rows whose parent is missing."""
    if reader.dialect.name == "sqlite":
        orphan: Any = (await reader.exec_driver_sql("PRAGMA foreign_key_check")).first()
        if orphan is not None:
            # A table whose rows have no number of their own has the key only.
            row = "a row" if orphan[1] is None else orphan[1]
            raise MaintenanceError(f"{orphan[0]}: {row} has no parent in {orphan[2]}.")


@asynccontextmanager
async def _writing(target: Backend) -> AsyncIterator[AsyncConnection]:
    async with target.serving(), upgraded(target) as (writer, _):
        for table in TABLES:
            if await table.count(writer):
                raise MaintenanceError(f"{target.name} is not empty: it has {table.name}.")
        yield writer


async def _copy(
    table: StoredTable, reader: AsyncConnection, writer: AsyncConnection, advance: Advance
) -> int:
    sent, stored = Content(), Content()
    try:
        insert_rows = bulk_insert(insert(table.clause), table.columns)
        async with AsyncSession(writer) as session:
            async for batch in table.batches(reader):
                await insert_rows(session, batch)
                sent.add(batch)
                advance(len(batch))
        await _number_on(table, writer)
        async for batch in table.batches(writer):
            stored.add(batch)
            advance(len(batch))
    except (DBAPIError, OSError) as error:
        raise MaintenanceError(f"copying {table.name} failed: {_cause(error)}.") from error
    if sent != stored:
        raise MaintenanceError(
            f"{table.name} came out otherwise: {stored.rows} rows of {sent.rows}, or other values."
        )
    return sent.rows


async def _number_on(table: StoredTable, writer: AsyncConnection) -> None:
    """Let PostgreSQL's next id follow the last one; SQLite looks itself what is the last."""
    if writer.dialect.name == "postgresql" and "id" in table.columns:
        last_id = func.max(table.clause.c.id)
        sequence = func.pg_get_serial_sequence(table.name, "id")
        await writer.execute(select(func.setval(sequence, last_id)).having(func.count() > 0))


def _cause(error: Exception) -> str:
    """What went wrong, without the values at fault."""
    driver_error = original(error)
    return getattr(driver_error, "sqlite_errorname", type(driver_error).__name__)
