"""Migrates a database's schema, completely or not at all."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import StartupError
from app.db.backend import Backend, reason

_log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"


async def upgrade(backend: Backend, revision: str = "head") -> bool:
    """Run missing migrations in one transaction: if one fails, the old schema remains.

    Returns:
        Whether the database had no schema before.

    Raises:
        StartupError: as `upgraded`.

    """
    async with upgraded(backend, revision) as (_, before):
        pass
    after = _target(revision)
    if before not in (None, after):
        _log.info(
            "The schema of %s was migrated from revision %s to %s.", backend.name, before, after
        )
    return before is None


@asynccontextmanager
async def upgraded(
    backend: Backend, revision: str = "head"
) -> AsyncIterator[tuple[AsyncConnection, str | None]]:
    """A transaction that migrates the schema; it is committed when the block ends.

    Yields:
        Its connection, and the revision of the database before; None if it had no schema.

    Raises:
        StartupError: the database cannot be opened, or its schema is of a later version than this
            code.

    """
    try:
        async with backend.migrating() as connection:
            before = await connection.run_sync(current_revision)
            if is_newer(before):
                raise StartupError(newer_schema(backend, before))
            if before != _target(revision):
                await connection.run_sync(_upgrade, revision)
            yield connection, before
    except CommandError as error:
        raise StartupError(
            f"The schema of {backend.name} does not match this version: {error}"
        ) from error
    except (DBAPIError, OSError) as error:
        raise StartupError(
            f"The database {backend.name} cannot be opened or migrated: {reason(error)}."
        ) from error


@cache
def head_revision() -> str | None:
    """The revision that this version of the service requires."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def current_revision(connection: Connection) -> str | None:
    """The revision of a database; None if it has no schema of the service."""
    return MigrationContext.configure(connection).get_current_revision()


def is_newer(revision: str | None) -> bool:
    """Whether the revision is of a later version of the service: revisions are numbered."""
    return (revision or "").isdecimal() and int(revision or 0) > int(head_revision() or 0)


def newer_schema(backend: Backend, revision: str | None) -> str:
    """The error message for a database whose schema is newer than this version."""
    return (
        f"{backend.name} has the schema of a newer version of the service (revision {revision}; "
        f"this version supports revisions up to {head_revision()}). Run the newer version, or "
        "restore a backup."
    )


def _target(revision: str) -> str | None:
    return head_revision() if revision == "head" else revision


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
