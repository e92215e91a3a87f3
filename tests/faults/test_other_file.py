"""The next start after the database file was moved or replaced while it was served."""

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.core.errors import StartupError
from app.db.database import Database
from app.maintenance.backup import back_up
from app.models import Operator

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows does not let an open file be moved"
)


def replace(path: Path, backup: Path) -> None:
    """Replace the file by the backup."""
    backup.rename(path)


def move_and_copy(path: Path, backup: Path) -> None:
    """Move the file, and put a copy of the backup in its place."""
    path.rename(path.with_name("elsewhere.db"))
    shutil.copy(backup, path)


async def add_operators(database: Database, *names: str) -> None:
    """Commit each operator in its own transaction, so that the log grows."""
    for name in names:
        async with database.writing() as session:
            session.add(Operator(name=name))


def operators(path: Path) -> list[str]:
    """The operators' names, in a database that passes the integrity check."""
    with closing(sqlite3.connect(path)) as rows:
        assert [("ok",)] == rows.execute("PRAGMA integrity_check").fetchall()
        return [name for (name,) in rows.execute("SELECT name FROM operators ORDER BY id")]


@pytest.mark.parametrize("change", [replace, move_and_copy])
@pytest.mark.parametrize("how", ["at once", "after a check"])
async def test_backup_in_its_place_is_served_next(
    how: str, change: Callable[[Path, Path], None], database_path: Path
) -> None:
    """The log of the previous file is not written to the backup."""
    url, backup = f"sqlite:///{database_path}", database_path.with_name("backup.db")
    log = Path(f"{database_path}-wal")
    database = Database(url)
    async with database.serving():
        await add_operators(database, "Maria")
        await asyncio.to_thread(back_up, url, backup)
        await add_operators(database, *("x" * 200 for _ in range(100)))
        change(database_path, backup)
        if how == "after a check":
            # From here on, a kill would not write it to the backup either.
            async with asyncio.timeout(30):
                while log.stat().st_size:  # noqa: ASYNC110  # a file has no event
                    await asyncio.sleep(0.05)
    async with Database(url).serving():
        pass

    assert ["Maria"] == operators(database_path)


async def test_moved_away_and_stopped(database_path: Path) -> None:
    """The moved file has all rows; until it is moved back, the service creates no new database."""
    url, elsewhere = f"sqlite:///{database_path}", database_path.with_name("elsewhere.db")
    database = Database(url)
    async with database.serving():
        await add_operators(database, "Maria", "Boris")
        database_path.rename(elsewhere)
    with pytest.raises(StartupError, match=r"test\.db is missing, but its log test\.db-wal exists"):
        async with Database(url).serving():
            pass
    elsewhere.rename(database_path)
    async with Database(url).serving():
        pass

    assert ["Maria", "Boris"] == operators(database_path)
