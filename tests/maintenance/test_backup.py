"""`python -m app backup`: a complete copy of SQLite's file while the service writes to it."""

import asyncio
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from tests.faults.history import History
from tests.faults.load import bots_at_work, set_up
from tests.support.command import PYTHON_APP, read_until, run_command, running_command
from tests.support.load import new_client

SERVE = (*PYTHON_APP, "serve", "--port", "0")
BACKUP = (*PYTHON_APP, "backup")


def make_large(database: Path) -> None:
    """Fill a database to 20 MB, which a backup copies in several steps."""
    with closing(sqlite3.connect(database)) as rows:
        rows.executemany(
            "INSERT INTO operators (name, active) VALUES (hex(zeroblob(?)), 0)",
            [(1,), *[(2_000_000,)] * 5],
        )
        rows.commit()


def names(folder: Path) -> set[str]:
    """The files in a folder, without those that SQLite keeps for an open database."""
    return {file.name for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm"))}


@pytest.mark.heavy
async def test_backup_under_load(database_path: Path, tmp_path: Path) -> None:
    """It has all interactions acknowledged before, is intact, and the service starts on it."""
    make_large(database_path)
    with (
        closing(History(tmp_path / "history.jsonl")) as history,
        running_command(
            *SERVE, folder=tmp_path, DATABASE_URL=f"sqlite:///{database_path}"
        ) as process,
    ):
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        async with bots_at_work(url, history, await set_up(url)):
            await asyncio.sleep(1)
            earlier = history.answers()
            ended = await asyncio.to_thread(
                run_command,
                *BACKUP,
                "copy.db",
                folder=tmp_path,
                DATABASE_URL=f"sqlite:///{database_path}",
            )
            meanwhile = len(history.answers()) - len(earlier)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert ended.stdout.endswith("copy.db is complete and has passed the integrity check.\n")
    assert {"test.db", "test.db.lock", "copy.db", "history.jsonl"} == names(tmp_path)
    assert meanwhile > 0
    assert {201} == {answer.status for answer in history.answers()}
    with closing(sqlite3.connect(tmp_path / "copy.db")) as rows:
        assert [("ok",)] == rows.execute("PRAGMA integrity_check").fetchall()
        assert [] == rows.execute("PRAGMA foreign_key_check").fetchall()
    with running_command(*SERVE, folder=tmp_path, DATABASE_URL="sqlite:///copy.db") as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        async with new_client(url) as staff:
            for answer in earlier:
                stored = await staff.get(f"/interactions/{answer.body['id']}")
                assert answer.body == stored.json()


@pytest.mark.heavy
def test_constant_writes_do_not_delay_a_backup(database_path: Path, tmp_path: Path) -> None:
    """However fast other connections write, the backup does not restart."""
    for _ in range(4):
        make_large(database_path)
    finished = Event()

    def write() -> None:
        with closing(sqlite3.connect(database_path, isolation_level=None, timeout=60)) as rows:
            rows.execute("PRAGMA synchronous = OFF")
            while not finished.is_set():
                rows.execute("UPDATE operators SET active = NOT active WHERE id = 1")

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        try:
            ended = run_command(
                *BACKUP, "copy.db", folder=tmp_path, DATABASE_URL=f"sqlite:///{database_path}"
            )
        finally:
            finished.set()
        writing.result()

    assert 0 == ended.returncode, ended.stderr


def test_backup_of_a_database_that_is_not_served(database_path: Path, tmp_path: Path) -> None:
    """The backup includes the write-ahead log of a killed service, which is left unchanged."""
    with closing(sqlite3.connect(database_path)) as rows:
        rows.execute("PRAGMA wal_autocheckpoint = 0")
        rows.execute("INSERT INTO operators (name, active) VALUES ('Maria', 1)")
        rows.commit()
        killed = tmp_path / "killed.db"
        for ending in ("", "-wal"):
            killed.with_name(f"killed.db{ending}").write_bytes(
                database_path.with_name(f"{database_path.name}{ending}").read_bytes()
            )
    log = killed.with_name("killed.db-wal").read_bytes()

    ended = run_command(*BACKUP, "copy.db", folder=tmp_path, DATABASE_URL=f"sqlite:///{killed}")

    assert 0 == ended.returncode, ended.stderr
    with closing(sqlite3.connect(tmp_path / "copy.db")) as rows:
        assert [("Maria",)] == rows.execute("SELECT name FROM operators").fetchall()
    assert log
    assert log == killed.with_name("killed.db-wal").read_bytes()


def refusal(folder: Path, url: str, target: str = "copy.db") -> str:
    """The one line that says why there is no backup."""
    ended = run_command(*BACKUP, target, folder=folder, DATABASE_URL=url)
    assert 1 == ended.returncode
    [line] = ended.stderr.splitlines()
    return line


@pytest.mark.heavy
def test_existing_file_is_kept(database_path: Path, tmp_path: Path) -> None:
    """An earlier backup is not overwritten."""
    (tmp_path / "copy.db").write_text("earlier", encoding="utf-8")

    line = refusal(tmp_path, f"sqlite:///{database_path}")

    assert "Nothing was written: copy.db already exists." == line
    assert "earlier" == (tmp_path / "copy.db").read_text(encoding="utf-8")


@pytest.mark.heavy
def test_missing_database_is_not_created(tmp_path: Path) -> None:
    """A mistyped name creates neither an empty backup nor an empty database."""
    line = refusal(tmp_path, "sqlite:///typo.db")

    assert "Nothing was written: there is no file typo.db." == line
    assert set() == names(tmp_path)


@pytest.mark.heavy
def test_missing_folder_is_not_created(database_path: Path, tmp_path: Path) -> None:
    """The error includes the operating system's reason."""
    line = refusal(tmp_path, f"sqlite:///{database_path}", "typo/copy.db")

    assert line.startswith("Nothing was written: test.db cannot be copied to copy.db: ")
    assert {"test.db"} == names(tmp_path)


@pytest.mark.heavy
def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    """The error names them, and the command does not connect to the server."""
    line = refusal(tmp_path, "postgresql://staff:hush-hush@localhost/leads")

    assert (
        "Nothing was written: this command supports only SQLite; back up PostgreSQL with pg_dump or"
        " pg_basebackup." == line
    )


@pytest.mark.parametrize("where", [100, 4096 * 3])
@pytest.mark.heavy
def test_damaged_database_is_not_backed_up(where: int, database_path: Path, tmp_path: Path) -> None:
    """A copy that fails the integrity check does not get the name of the backup."""
    with database_path.open("r+b") as file:
        file.seek(where)
        file.write(b"\xff" * 4096)

    line = refusal(tmp_path, f"sqlite:///{database_path}")

    assert line.startswith("Nothing was written: ")
    assert {"test.db"} == names(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.heavy
def test_terminated_backup_leaves_no_files(database_path: Path, tmp_path: Path) -> None:
    """SIGTERM during the backup leaves no file of that name, and no temporary file."""
    for _ in range(5):
        make_large(database_path)
    copy = tmp_path / "copy.db"
    completed = []
    for _ in range(5):
        with running_command(
            *BACKUP, copy.name, folder=tmp_path, DATABASE_URL=f"sqlite:///{database_path}"
        ) as process:
            while not list(tmp_path.glob(".copy.db-*/copy.db")) and not copy.exists():
                assert process.poll() is None
            process.terminate()
            process.communicate(timeout=60)

        completed.append(copy.exists())
        if completed[-1]:
            # The signal came after the backup was complete.
            assert copy.stat().st_size == database_path.stat().st_size
            copy.unlink()
        else:
            assert 0 != process.returncode
        assert {"test.db"} == names(tmp_path)
        if not completed[-1]:
            break

    assert False in completed
