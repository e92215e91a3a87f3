"""Copies one database into another, of any kind, completely or not at all."""

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
    newer_schema,
    upgraded,
)
from app.maintenance.progress import progress
from app.maintenance.stored import TABLES, Content, StoredTable

Advance = Callable[[int], None]


async def copy_database(from_url: str, to_url: str) -> int:
    """Copy all rows into an empty database, in one transaction that also migrates its schema.

    The source is read in one snapshot. Before the commit, all rows are read back and compared.

    Returns:
        How many rows were copied.

    Raises:
        MaintenanceError: the source is being served or of another version, the target has rows, or
            the copy failed; the target is unchanged.

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
                raise MaintenanceError(newer_schema(source, revision))
            if revision != head_revision():
                raise MaintenanceError(
                    f"{source.name} does not have the schema of this version; migrate it first."
                )
            await _require_parents(reader)
            yield reader
    except (DBAPIError, OSError) as error:
        raise MaintenanceError(f"{source.name} cannot be read: {_cause(error)}.") from error


async def _require_parents(reader: AsyncConnection) -> None:
    """Check for rows that reference a missing row, which only SQLite allows."""
    if reader.dialect.name == "sqlite":
        orphan: Any = (await reader.exec_driver_sql("PRAGMA foreign_key_check")).first()
        if orphan is not None:
            # SQLite reports no row number for a table WITHOUT ROWID.
            row = "a row" if orphan[1] is None else f"row {orphan[1]}"
            raise MaintenanceError(f"{row} of {orphan[0]} references a missing row of {orphan[2]}.")


@asynccontextmanager
async def _writing(target: Backend) -> AsyncIterator[AsyncConnection]:
    async with target.serving(), upgraded(target) as (writer, _):
        for table in TABLES:
            if await table.count(writer):
                raise MaintenanceError(
                    f"{target.name} is not empty: the table {table.name} has rows."
                )
        yield writer


async def _copy(
    table: StoredTable, reader: AsyncConnection, writer: AsyncConnection, advance: Advance
) -> int:
    sent, stored = Content(), Content()
    try:
        insert_rows = bulk_insert(insert(table.clause), table.columns)
        async with AsyncSession(writer) as session:
            async for batch in table.batches(reader):
                await insert_rows.run(session, batch)
                sent.add(batch)
                advance(len(batch))
        await _advance_sequence(table, writer)
        async for batch in table.batches(writer):
            stored.add(batch)
            advance(len(batch))
    except (DBAPIError, OSError) as error:
        raise MaintenanceError(f"copying {table.name} failed: {_cause(error)}.") from error
    if sent != stored:
        raise MaintenanceError(
            f"the copy of {table.name} does not match its source: it has {stored.rows} of "
            f"{sent.rows} rows, or other values."
        )
    return sent.rows


async def _advance_sequence(table: StoredTable, writer: AsyncConnection) -> None:
    """Set PostgreSQL's sequence to the last id; SQLite needs no such step."""
    if writer.dialect.name == "postgresql" and "id" in table.columns:
        last_id = func.max(table.clause.c.id)
        sequence = func.pg_get_serial_sequence(table.name, "id")
        await writer.execute(select(func.setval(sequence, last_id)).having(func.count() > 0))


def _cause(error: Exception) -> str:
    """The name of the failure, without values."""
    driver_error = original(error)
    return getattr(driver_error, "sqlite_errorname", type(driver_error).__name__)
