"""Brings a database's schema up to date, all of it or nothing."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from app.core.errors import StartupError
from app.db import sqlite

MIGRATIONS = Path(__file__).parent / "migrations"


async def upgrade(path: Path, revision: str = "head") -> None:
    """Run the migrations that are missing, in one transaction: a failed one leaves the old schema.

    Raises:
        StartupError: the file cannot be opened, or its schema is of a later version than this code.

    """
    engine = sqlite.migration_engine(path)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, revision)
    except CommandError as error:
        raise StartupError(f"The schema of {path.name} is not of this version: {error}") from error
    except DBAPIError as error:
        raise StartupError(
            f"The database {path.name} cannot be opened or migrated: {error.orig}."
        ) from error
    finally:
        await engine.dispose()


@cache
def head_revision() -> str | None:
    """The revision that this version of the service works with."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if orphans:
        raise StartupError(f"The migration would leave {len(orphans)} rows without their parent.")
