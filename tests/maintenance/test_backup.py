"""`python -m app backup`: a whole copy of SQLite's file while the service writes to it."""

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
    """Give a database 20 MB, which take a backup several steps."""
    with closing(sqlite3.connect(database)) as rows:
        rows.executemany(
            "INSERT INTO operators (name, active) VALUES (hex(zeroblob(?)), 0)",
            [(1,), *[(2_000_000,)] * 5],
        )
        rows.commit()


def names(folder: Path) -> set[str]:
    """What lies in a folder, but for what SQLite keeps beside a file that is open."""
    return {file.name for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm"))}


async def test_backup_under_load(database_path: Path, tmp_path: Path) -> None:
    """All that was acknowledged before is in it, it is sound, and the service starts on it."""
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
            before = history.answers()
            ended = await asyncio.to_thread(
                run_command,
                *BACKUP,
                "copy.db",
                folder=tmp_path,
                DATABASE_URL=f"sqlite:///{database_path}",
            )
            meanwhile = len(history.answers()) - len(before)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert ended.stdout.endswith("copy.db is whole and has passed the integrity check.\n")
    assert {"test.db", "test.db.lock", "copy.db", "history.jsonl"} == names(tmp_path)
    assert meanwhile > 0
    assert {201} == {answer.status for answer in history.answers()}
    with closing(sqlite3.connect(tmp_path / "copy.db")) as rows:
        assert [("ok",)] == rows.execute("PRAGMA integrity_check").fetchall()
        assert [] == rows.execute("PRAGMA foreign_key_check").fetchall()
    with running_command(*SERVE, folder=tmp_path, DATABASE_URL="sqlite:///copy.db") as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        async with new_client(url) as staff:
            for answer in before:
                kept = await staff.get(f"/interactions/{answer.body['id']}")
                assert answer.body == kept.json()


def test_writes_without_a_pause_do_not_hold_it_up(database_path: Path, tmp_path: Path) -> None:
    """However fast others write, no step is taken twice."""
    for _ in range(4):
        make_large(database_path)
    over = Event()

    def write() -> None:
        with closing(sqlite3.connect(database_path, isolation_level=None, timeout=60)) as rows:
            rows.execute("PRAGMA synchronous = OFF")
            while not over.is_set():
                rows.execute("UPDATE operators SET active = NOT active WHERE id = 1")

    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        try:
            ended = run_command(
                *BACKUP, "copy.db", folder=tmp_path, DATABASE_URL=f"sqlite:///{database_path}"
            )
        finally:
            over.set()
        writing.result()

    assert 0 == ended.returncode, ended.stderr


def test_backup_of_what_is_not_served(database_path: Path, tmp_path: Path) -> None:
    """What a killed service left in its write-ahead log is in the backup, and stays where it is."""
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
    """Why there is no backup: one line."""
    ended = run_command(*BACKUP, target, folder=folder, DATABASE_URL=url)
    assert 1 == ended.returncode
    [line] = ended.stderr.splitlines()
    return line


def test_file_that_exists_is_kept(database_path: Path, tmp_path: Path) -> None:
    """Yesterday's backup is not written over."""
    (tmp_path / "copy.db").write_text("yesterday's", encoding="utf-8")

    line = refusal(tmp_path, f"sqlite:///{database_path}")

    assert "Nothing was written: copy.db already exists." == line
    assert "yesterday's" == (tmp_path / "copy.db").read_text(encoding="utf-8")


def test_missing_database_is_not_made(tmp_path: Path) -> None:
    """A mistyped name gives no empty backup, and no empty database."""
    line = refusal(tmp_path, "sqlite:///typo.db")

    assert "Nothing was written: there is no file typo.db." == line
    assert set() == names(tmp_path)


def test_missing_folder_is_not_made(database_path: Path, tmp_path: Path) -> None:
    """The system's reason is given."""
    line = refusal(tmp_path, f"sqlite:///{database_path}", "typo/copy.db")

    assert line.startswith("Nothing was written: test.db cannot be copied to copy.db: ")
    assert {"test.db"} == names(tmp_path)


def test_postgresql_has_tools_of_its_own(tmp_path: Path) -> None:
    """They are named, and nobody is asked for a password."""
    line = refusal(tmp_path, "postgresql://staff:hush-hush@localhost/leads")

    assert (
        "Nothing was written: this is for SQLite; back up PostgreSQL with pg_dump or pg_basebackup."
        == line
    )


@pytest.mark.parametrize("where", [100, 4096 * 3])
def test_damaged_database_is_no_backup(where: int, database_path: Path, tmp_path: Path) -> None:
    """What fails the integrity check does not get the name of a backup."""
    with database_path.open("r+b") as file:
        file.seek(where)
        file.write(b"\xff" * 4096)

    line = refusal(tmp_path, f"sqlite:///{database_path}")

    assert line.startswith("Nothing was written: ")
    assert {"test.db"} == names(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that asks to end")
def test_backup_that_is_ended_leaves_nothing(database_path: Path, tmp_path: Path) -> None:
    """SIGTERM in its midst: no file of that name, and none under another."""
    for _ in range(5):
        make_large(database_path)
    copy = tmp_path / "copy.db"
    left_whole = []
    for _ in range(5):
        with running_command(
            *BACKUP, copy.name, folder=tmp_path, DATABASE_URL=f"sqlite:///{database_path}"
        ) as process:
            while not list(tmp_path.glob(".copy.db-*/copy.db")) and not copy.exists():
                assert process.poll() is None
            process.terminate()
            process.communicate(timeout=60)

        left_whole.append(copy.exists())
        if left_whole[-1]:
            # The signal came when all was done.
            assert copy.stat().st_size == database_path.stat().st_size
            copy.unlink()
        else:
            assert 0 != process.returncode
        assert {"test.db"} == names(tmp_path)

    assert False in left_whole
