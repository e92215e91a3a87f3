"""The database file replaced, deleted, moved or made unwritable while it is served."""

import asyncio
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from app.core.errors import DatabaseUnavailable, StartupError
from app.db.database import Database
from tests.faults.process import ROOT
from tests.support.api import Api
from tests.support.command import PYTHON_APP, read_until, run_command
from tests.support.kinds import only_sqlite
from tests.support.load import new_client
from tests.support.problems import read_problem

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows does not let an open file be moved"
)
LOGGER = "app.db.sqlite_file"


def replace(path: Path) -> None:
    """Replace the file by a copy."""
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as rows, closing(sqlite3.connect(copy)) as copied:
        rows.backup(copied)
    copy.rename(path)


def delete(path: Path) -> None:
    """Delete the file."""
    path.unlink()


def move_away(path: Path) -> None:
    """Rename the file."""
    path.rename(path.with_name("elsewhere.db"))


def link_elsewhere(path: Path) -> None:
    """Replace the file by a link to another file."""
    path.rename(path.with_name("first.db"))
    shutil.copy(path.with_name("first.db"), path.with_name("second.db"))
    path.symlink_to("second.db")


@only_sqlite
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace, "was replaced while it was served"),
        (delete, "was deleted or moved away while it was served"),
        (move_away, "was deleted or moved away while it was served"),
        (link_elsewhere, "was replaced while it was served"),
    ],
)
async def test_file_that_was_replaced_or_removed(
    change: Callable[[Path], None],
    message: str,
    client: httpx.AsyncClient,
    database_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All requests fail, and the log says once what happened and what to do."""
    caplog.set_level(logging.WARNING, LOGGER)
    source = await Api(client).create_source()
    await Api(client).post(source)
    change(database_path)
    inquiry = {"email": "lead@example.com", "source_id": source}
    answers = [await client.post("/interaction", json=inquiry) for _ in range(3)]
    answers += [await client.get(path) for path in ("/readyz", "/interactions", "/operators")]
    answers.append(await client.post("/operators", json={"name": "Maria"}))

    for answer in answers:
        read_problem(answer, 503, "database_unavailable")
    [line] = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert message in line
    assert "top the service, put the right file in place and start again" in line
    assert change not in (delete, move_away) or not database_path.exists()


@only_sqlite
async def test_file_that_is_moved_back(
    api: Api, client: httpx.AsyncClient, database_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The service recovers once the same file is back in its place."""
    caplog.set_level(logging.WARNING, LOGGER)
    source = await api.create_source()
    elsewhere = database_path.rename(database_path.with_name("elsewhere.db"))
    inquiry = {"email": "lead@example.com", "source_id": source}
    refused = await client.post("/interaction", json=inquiry)
    elsewhere.rename(database_path)
    accepted = await client.post("/interaction", json=inquiry)
    ready = await client.get("/readyz")

    read_problem(refused, 503, "database_unavailable")
    assert 201 == accepted.status_code
    assert 200 == ready.status_code
    assert ["ERROR", "WARNING"] == [
        record.levelname for record in caplog.records if record.name == LOGGER
    ]


@only_sqlite
@pytest.mark.parametrize("ending", ["-wal", "-shm"])
async def test_deleted_log(
    ending: str, api: Api, client: httpx.AsyncClient, database_path: Path
) -> None:
    """The service refuses requests, and checkpoints its interactions into the file."""
    source = await api.create_source()
    accepted = await api.post(source)
    Path(f"{database_path}{ending}").unlink()
    read_problem(await client.get("/readyz"), 503, "database_unavailable")
    refused = await client.post("/interaction", json={"email": "a@example.com", "source_id": 1})
    copy = database_path.with_name("copy.db")
    async with asyncio.timeout(30):
        while ids_in(Path(shutil.copy(database_path, copy))) != [accepted["id"]]:  # noqa: ASYNC110  # a file
            await asyncio.sleep(0.1)

    read_problem(refused, 503, "database_unavailable")


def ids_in(path: Path) -> list[int]:
    """The ids of interactions in a database file, without its log."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as rows:
        return [id for (id,) in rows.execute("SELECT id FROM interactions ORDER BY id")]


@only_sqlite
async def test_reader_opens_no_other_file(database: Database, database_path: Path) -> None:
    """A connection that is opened after the file was moved fails, and creates no file."""
    database_path.rename(database_path.with_name("elsewhere.db"))
    with pytest.raises(DatabaseUnavailable):
        async with database.reading() as session:
            await session.connection()

    assert not database_path.exists()


@only_sqlite
@pytest.mark.parametrize("name", ["hard", "symbolic"])
@pytest.mark.heavy
async def test_second_server_under_another_name(
    name: str, database: Database, database_path: Path
) -> None:
    """A second one fails to start, also by another path or if the lock file was deleted."""
    database_path.with_name("test.db.lock").unlink()
    other = database_path.with_name("other.db")
    if name == "hard":
        other.hardlink_to(database_path)
    else:
        other.symlink_to(database_path)
    for path in (database_path, other):
        with pytest.raises(StartupError, match="Another process already serves the database"):
            async with Database(f"sqlite:///{path}").serving():
                pass
        ended = run_command(
            *PYTHON_APP, "migrate", folder=path.parent, DATABASE_URL=f"sqlite:///{path}"
        )
        assert 1 == ended.returncode
        assert "Another process already serves the database" in ended.stderr

    async with database.writing():
        pass


async def test_more_than_one_name_is_refused(database_path: Path) -> None:
    """SQLite treats each hard link as a separate database."""
    database_path.with_name("other.db").hardlink_to(database_path)

    with pytest.raises(StartupError, match="has more than one name"):
        async with Database(f"sqlite:///{database_path}").serving():
            pass


async def test_folder_is_refused(database_path: Path) -> None:
    """The error says that it is no file, not that it has several links, as each folder has."""
    database_path.unlink()
    database_path.mkdir()

    with pytest.raises(StartupError, match=r"test\.db is not a file"):
        async with Database(f"sqlite:///{database_path}").serving():
            pass


async def test_log_without_its_database_is_kept(database_path: Path) -> None:
    """SQLite would delete the log, which may have the last interactions."""
    database_path.unlink()
    log = Path(f"{database_path}-wal")
    log.write_bytes(b"log")

    with pytest.raises(StartupError, match=r"test\.db is missing, but its log test\.db-wal exists"):
        async with Database(f"sqlite:///{database_path}").serving():
            pass

    assert b"log" == log.read_bytes()
    assert not database_path.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
async def test_files_are_private(umask: int, tmp_path: Path) -> None:
    """Only the owner can access them, with any umask."""
    before = os.umask(umask)
    try:
        async with Database(f"sqlite:///{tmp_path}/new.db").serving():
            names = ("new.db", "new.db-wal", "new.db-shm")
            modes = {(tmp_path / name).stat().st_mode & 0o777 for name in names}
    finally:
        os.umask(before)

    assert {0o600} == modes


async def test_wide_modes_cause_a_warning(
    database_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says how to fix them; they are not changed."""
    caplog.set_level(logging.WARNING, LOGGER)
    database_path.chmod(0o644)
    async with Database(f"sqlite:///{database_path}").serving():
        pass

    [line] = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert line.endswith("chmod 600 test.db test.db-wal test.db-shm")
    assert 0o644 == database_path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON leads BEGIN DELETE FROM sources; END", "trigger 't'"),
        ("CREATE VIEW v AS SELECT 1", "view 'v'"),
        ("CREATE TABLE notes (text)", "table 'notes'"),
        ("CREATE INDEX i ON leads (created_at)", "index 'i'"),
    ],
)
async def test_foreign_objects_are_refused(statement: str, named: str, database_path: Path) -> None:
    """The error names them, and the file is unchanged."""
    with closing(sqlite3.connect(database_path)) as rows:
        rows.execute(statement)
        rows.commit()
    before = database_path.read_bytes()

    with pytest.raises(StartupError, match=f"has objects that are not the service's: {named}"):
        async with Database(f"sqlite:///{database_path}").serving():
            pass

    assert before == database_path.read_bytes()


@contextmanager
def without_root_rights(
    *arguments: str, folder: Path, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run Python without root's right to write all files; it is killed when the block ends."""
    without_rights = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
    with subprocess.Popen(
        [*(without_rights if os.geteuid() == 0 else []), sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables},
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def open_folder(template: Path) -> Iterator[Path]:
    """A folder with a database, for a service without root's rights."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("setpriv, which removes root's rights, is not installed")
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(template, folder / "leads.db")
        yield folder
        folder.chmod(0o700)


@pytest.mark.parametrize("unwritable", ["leads.db", "leads.db-wal", "."])
@pytest.mark.heavy
def test_unwritable_is_refused(unwritable: str, open_folder: Path) -> None:
    """The start fails with one line."""
    path = open_folder / unwritable
    if path.suffix:
        path.touch()
    path.chmod(0o555 if path.is_dir() else 0o444)
    with without_root_rights(
        *(*PYTHON_APP, "serve", "--port", "0"),
        folder=open_folder,
        DATABASE_URL="sqlite:///leads.db",
    ) as process:
        # It ends by itself, or prints its URL.
        output = read_until(process, "Serving on")
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert "" == output
    [line] = [line for line in errors.splitlines() if " warning " not in line]
    assert 1 == process.returncode
    assert line.startswith("Cannot start: The ")
    assert "cannot be written by the user" in line or "Permission denied" in line


@pytest.mark.heavy
async def test_file_made_unwritable_while_served(open_folder: Path) -> None:
    """The service is not ready and refuses requests until it can write again."""
    database = open_folder / "leads.db"
    with without_root_rights(
        *(*PYTHON_APP, "serve", "--port", "0"),
        folder=open_folder,
        DATABASE_URL="sqlite:///leads.db",
    ) as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        async with new_client(url) as client:
            created = await client.post("/sources", json={"description": "bot"})
            database.chmod(0o400)
            unready = await client.get("/readyz")
            refused = await client.post("/sources", json={"description": "bot"})
            database.chmod(0o600)
            ready = await client.get("/readyz")
            accepted = await client.post("/sources", json={"description": "bot"})
        process.terminate()
        _, errors = process.communicate(timeout=60)

    assert [201, 200, 201] == [answer.status_code for answer in (created, ready, accepted)]
    for answer in (unready, refused):
        read_problem(answer, 503, "database_unavailable")
    assert 1 == errors.count("is no longer writable")
