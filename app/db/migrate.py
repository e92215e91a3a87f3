"""Brings a database's schema up to date, all of it or nothing."""

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
from app.db.backend import Backend, original

MIGRATIONS = Path(__file__).parent / "migrations"


async def upgrade(backend: Backend, revision: str = "head") -> None:
    """Run the migrations that are missing, in one transaction: a failed one leaves the old schema.

    Raises:
        StartupError: as `upgraded`.

    """
    async with upgraded(backend, revision):
        pass


@asynccontextmanager
async def upgraded(backend: Backend, revision: str = "head") -> AsyncIterator[AsyncConnection]:
    """A transaction in which the schema is up to date; committed with it when the block ends.

    Raises:
        StartupError: the database cannot be opened, or its schema is of a later version than this
            code.

    """
    try:
        async with backend.migrating() as connection:
            await connection.run_sync(_upgrade, revision)
            yield connection
    except CommandError as error:
        raise StartupError(
            f"The schema of {backend.name} is not of this version: {error}"
        ) from error
    except (DBAPIError, OSError) as error:
        raise StartupError(
            f"The database {backend.name} cannot be opened or migrated: {original(error)}."
        ) from error


@cache
def head_revision() -> str | None:
    """The revision that this version of the service works with."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def current_revision(connection: Connection) -> str | None:
    """The revision that a database is at; None if it has no schema of the service."""
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
