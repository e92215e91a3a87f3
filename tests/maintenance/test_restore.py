"""`python -m app restore`: replaces the database by a backup, and keeps the old database."""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import pytest

from app.core.errors import MaintenanceError, StartupError
from app.db.database import Database
from app.db.migrate import upgrade
from app.db.sqlite import SQLite
from app.maintenance.backup import back_up
from app.maintenance.restore import restore
from tests.support.command import PYTHON_APP, run_command

NAMES = "SELECT name FROM operators ORDER BY id"


def url_of(path: Path) -> str:
    """The URL of a file."""
    return f"sqlite:///{path}"


def add_operator(path: Path, name: str) -> None:
    """Write a row that `operators` finds."""
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("INSERT INTO operators (name, active) VALUES (?, 1)", [name])
        rows.commit()


def operators(path: Path) -> list[str]:
    """The names that `add_operator` wrote, in a database that passes the integrity check."""
    with closing(sqlite3.connect(path)) as rows:
        assert [("ok",)] == rows.execute("PRAGMA integrity_check").fetchall()
        return [name for (name,) in rows.execute(NAMES)]


@pytest.fixture
def backup(database_path: Path, tmp_path: Path) -> Path:
    """A backup with Maria; the database also has Boris, and Olga in its write-ahead log."""
    backup = tmp_path / "copy.db"
    add_operator(database_path, "Maria")
    back_up(url_of(database_path), backup)
    add_operator(database_path, "Boris")
    leave_in_log(database_path, "Olga")
    return backup


def leave_in_log(path: Path, name: str) -> None:
    """Add an operator as a killed service leaves it: in the write-ahead log."""
    log, saved = path.with_name(f"{path.name}-wal"), path.with_name("saved")
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("PRAGMA wal_autocheckpoint = 0")
        rows.execute("INSERT INTO operators (name, active) VALUES (?, 1)", [name])
        rows.commit()
        before = path.read_bytes()
        shutil.copy(log, saved)
    path.write_bytes(before)
    saved.rename(log)


def test_backup_is_restored_and_the_old_database_kept(backup: Path, database_path: Path) -> None:
    """Each has exactly its rows, including those in the log, and can be restored in turn."""
    aside = restore(url_of(database_path), backup)
    assert aside is not None
    after = operators(database_path)
    back = restore(url_of(database_path), aside)

    assert ["Maria"] == after
    assert ["Maria", "Boris", "Olga"] == operators(aside)
    assert aside.name.startswith("test.db.20")
    assert ["Maria", "Boris", "Olga"] == operators(database_path)
    assert back is not None
    assert ["Maria"] == operators(back)


async def test_served_database_is_refused(backup: Path, database_path: Path) -> None:
    """Interactions that the service accepts would go to a file that is no longer used."""
    async with Database(url_of(database_path)).serving():
        with pytest.raises(MaintenanceError, match="Another process already serves the database"):
            restore(url_of(database_path), backup)

    assert ["Maria", "Boris", "Olga"] == operators(database_path)


def damage(path: Path) -> None:
    """Overwrite a page."""
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096)


def run(*statements: str) -> Callable[[Path], None]:
    """A change of a database by statements."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as rows:
            for statement in statements:
                rows.execute(statement)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Path.unlink, r"there is no file copy\.db"),
        (lambda path: path.write_bytes(b"Dear Maria, " * 500), "file is not a database"),
        (lambda path: path.write_bytes(b""), "no schema of the service"),
        (damage, "damaged|malformed"),
        (run("DROP TABLE alembic_version"), "no schema of the service"),
        (run("UPDATE alembic_version SET version_num = '9999'"), "schema of a newer version"),
        (run("CREATE VIEW v AS SELECT 1"), "not the service's: view 'v'"),
        (
            run("INSERT INTO source_operator_settings VALUES (1, 7, 7, 1, 0)"),
            "2 rows that reference a missing row",
        ),
    ],
)
def test_invalid_backup_is_refused(
    change: Callable[[Path], None], reason: str, backup: Path, database_path: Path
) -> None:
    """The error has the reason, and the database is unchanged."""
    change(backup)
    with pytest.raises(MaintenanceError, match=reason):
        restore(url_of(database_path), backup)

    assert ["Maria", "Boris", "Olga"] == operators(database_path)
    assert [] == list(database_path.parent.glob("test.db.2*"))


def test_database_itself_is_refused(backup: Path, database_path: Path) -> None:
    """The database is refused as its own backup, also under another name."""
    link = database_path.with_name("link.db")
    link.symlink_to(database_path)
    for path in (database_path, link):
        with pytest.raises(MaintenanceError, match="is the database itself"):
            restore(url_of(database_path), path)

    assert backup.exists()


async def test_backup_of_an_older_version(database_path: Path, tmp_path: Path) -> None:
    """It is restored unchanged; the next start migrates it."""
    old = tmp_path / "old.db"
    await upgrade(SQLite(old, readers=1), "0002")
    add_operator(old, "Maria")
    restore(url_of(database_path), old)
    async with Database(url_of(database_path)).serving():
        pass

    assert ["Maria"] == operators(database_path)


def test_log_of_the_backup_is_restored(backup: Path, database_path: Path) -> None:
    """A backup may be a copy of all files of a database."""
    leave_in_log(backup, "Vera")
    restore(url_of(database_path), backup)

    assert ["Maria", "Vera"] == operators(database_path)


def test_missing_database_is_created(backup: Path, tmp_path: Path) -> None:
    """It is created with access for its owner only."""
    new = tmp_path / "new.db"

    assert restore(url_of(new), backup) is None
    assert ["Maria"] == operators(new)
    assert sys.platform == "win32" or new.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_mode_is_kept(backup: Path, database_path: Path) -> None:
    """A group that could read the database still can; only its owner can read the backup."""
    database_path.chmod(0o640)
    restore(url_of(database_path), backup)

    assert 0o640 == database_path.stat().st_mode & 0o777
    assert 0o600 == backup.stat().st_mode & 0o777


@pytest.mark.parametrize("renames", range(5))
async def test_interrupted_restore(
    renames: int, backup: Path, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One database is in place, or the service does not start; a second restore loses nothing."""
    calls = count()
    rename = Path.rename

    def interrupt(self: Path, target: Path) -> Path:
        if next(calls) == renames:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(Path, "rename", interrupt)
        restore(url_of(database_path), backup)
    database = Database(url_of(database_path))
    if renames in (1, 2, 3):
        with pytest.raises(StartupError, match=r"A restore of test\.db was interrupted"):
            async with database.serving():
                pass
        assert renames == 1 or not database_path.exists()
        again = restore(url_of(database_path), backup)
        assert again is not None
        assert ["Maria", "Boris", "Olga"] == operators(again)
    async with database.serving():
        pass

    assert renames == 0 or operators(database_path) == ["Maria"]


def test_log_written_after_an_interrupted_restore(
    backup: Path, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept with its own database, and replaces no other log."""
    unlink = Path.unlink

    def interrupt(self: Path, *, missing_ok: bool = False) -> None:
        if self.suffix == ".restoring":
            raise KeyboardInterrupt
        unlink(self, missing_ok=missing_ok)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(Path, "unlink", interrupt)
        restore(url_of(database_path), backup)
    leave_in_log(database_path, "Vera")
    first = restore(url_of(database_path), backup)
    others = [path for path in database_path.parent.glob("test.db.20*Z*") if path != first]

    assert first is not None
    assert ["Maria", "Boris", "Olga"] == operators(first)
    assert ["Maria"] == operators(database_path)
    [second] = [path for path in others if not path.name.endswith(("-wal", "-shm"))]
    assert ["Maria", "Vera"] == operators(second)


@pytest.mark.heavy
def test_command_reports_where_the_files_are(backup: Path, database_path: Path) -> None:
    """It prints one line; on PostgreSQL, an error that names PostgreSQL's own tool."""
    command = (*PYTHON_APP, "restore", "copy.db")
    folder = backup.parent
    ended = run_command(*command, folder=folder, DATABASE_URL="sqlite:///test.db")
    refused = run_command(*command, folder=folder, DATABASE_URL="postgresql://x:secret@localhost/y")

    [aside] = [path.name for path in folder.glob("test.db.2*") if path.name.endswith("Z")]
    assert 0 == ended.returncode, ended.stderr
    assert ended.stdout.replace("\n", " ").endswith(
        "Restored the database from copy.db, which has passed the integrity check; "
        f"the previous database is now {aside}. "
    )
    assert (
        "Nothing was written: this command supports only SQLite; restore PostgreSQL with "
        "pg_restore.\n" == refused.stderr
    )
