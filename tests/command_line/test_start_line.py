"""The messages of a start: which database it serves, what it did to it, in one format."""

import asyncio
import json
import re
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from app import __version__
from app.core.errors import StartupError
from app.db.database import Database
from app.db.migrate import head_revision, upgrade
from app.db.sqlite import SQLite
from tests.support.command import (
    PYTHON_APP,
    UVICORN,
    read_until,
    run_command,
    running_command,
)
from tests.support.postgres import PostgresDatabases
from tests.support.rows import open_rows

SERVE = (*PYTHON_APP, "serve", "--port", "0")
STARTS = {"serve": SERVE, "uvicorn": (*UVICORN, "--port", "0")}
starting = pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
needs_signals = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot signal one process alone"
)


def first_line(folder: Path, **variables: str) -> str:
    """The first line of a service that is shut down after it."""
    with running_command(*SERVE, folder=folder, **variables) as process:
        line = read_until(process, "")
        process.terminate()
        process.communicate(timeout=60)
    return line


@pytest.mark.heavy
def test_first_line_names_the_file_and_whether_it_is_new(tmp_path: Path) -> None:
    """A start in another folder, or with a misspelt setting, shows that its database is new."""
    file = tmp_path.resolve() / "leads.db"

    assert f" Database: {file} (new). " in first_line(tmp_path)
    assert f" Database: {file}. " in first_line(tmp_path)


@pytest.mark.heavy
def test_first_line_names_the_server_and_no_password(
    postgres: PostgresDatabases, tmp_path: Path
) -> None:
    """Host and name are enough to identify a database."""
    with postgres.empty() as url:
        parsed = httpx.URL(url)
        with_password = str(parsed.copy_with(username="postgres", password="hush"))
        line = first_line(tmp_path, DATABASE_URL=with_password)

        assert f" Database: postgresql://{parsed.host}:{parsed.port}{parsed.path} (new). " in line
        assert "hush" not in line


@needs_signals
def test_uvicorn_names_the_database_in_the_log(tmp_path: Path) -> None:
    """Started without its own command line, the service logs the database."""
    with running_command(*STARTS["uvicorn"], folder=tmp_path) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "Uvicorn running" in line:
                break
        process.terminate()
        process.communicate(timeout=60)

    assert [f" Database: {tmp_path.resolve()}/leads.db (new).\n"] == [
        line[line.index(" Database:") :] for line in lines if "Database:" in line
    ]


def test_version_needs_no_settings(tmp_path: Path) -> None:
    """One line with the version of the OpenAPI document; no file is created."""
    ended = run_command(*PYTHON_APP, "--version", folder=tmp_path, DATABASE_URL="nonsense")

    assert f"lead-distribution {__version__}\n" == ended.stdout
    assert (0, "") == (ended.returncode, ended.stderr)
    assert [] == list(tmp_path.iterdir())


def parsed_lines(lines: str) -> list[dict[str, object]]:
    """The lines, each of which is JSON with a time, a level and an event."""
    found = [json.loads(line) for line in lines.splitlines()]
    assert not [line for line in found if not {"timestamp", "level", "event"} <= set(line)]
    return found


@needs_signals
@starting
@pytest.mark.heavy
def test_json_has_every_line(start: tuple[str, ...], tmp_path: Path) -> None:
    """From the start, with a warning, over a request, to the shutdown."""
    (tmp_path / ".env").write_text("LOG_FORMAT=json\nDATABSE_URL=x\nno value\n", encoding="utf-8")
    with running_command(*start, folder=tmp_path) as process:
        stream = process.stdout if start == SERVE else process.stderr
        assert stream is not None
        head = ""
        while not (url := re.search(r"(?:Serving|running) on (http://[\d.:]+)", head)):
            head += stream.readline()
        httpx.get(f"{url[1]}/readyz", trust_env=False)
        process.terminate()
        output, errors = process.communicate(timeout=60)

    printed = parsed_lines(head) + parsed_lines(output) + parsed_lines(errors)
    events = [str(line["event"]) for line in printed]
    assert any("DATABSE_URL" in event for event in events)
    assert "request" in events
    assert any(f"Database: {tmp_path.resolve()}/leads.db (new)." in event for event in events)


@pytest.mark.parametrize(
    ("start", "url"),
    [(STARTS["serve"], "nonsense"), (STARTS["uvicorn"], "sqlite:///typo/leads.db")],
    ids=STARTS,
)
@pytest.mark.heavy
def test_json_has_refusals(start: tuple[str, ...], url: str, tmp_path: Path) -> None:
    """A program can read why the service does not start."""
    ended = run_command(*start, folder=tmp_path, DATABASE_URL=url, LOG_FORMAT="json")

    assert ended.returncode not in (0, -signal.SIGTERM)
    assert "error" in [line["level"] for line in parsed_lines(ended.stderr)]
    assert "" == ended.stdout


@needs_signals
@pytest.mark.heavy
def test_json_has_every_line_of_several_processes(
    postgres: PostgresDatabases, tmp_path: Path
) -> None:
    """Those of the supervisor and those of the workers; a warning appears once."""
    (tmp_path / ".env").write_text("LOG_FORMAT=json\nDATABSE_URL=x\n", encoding="utf-8")
    with postgres.empty() as url:
        start = (*SERVE, "--workers", "2")
        with running_command(*start, folder=tmp_path, DATABASE_URL=url) as process:
            head = read_until(process, "Serving on")
            served = json.loads(head)["url"]
            httpx.get(f"{served}/readyz", trust_env=False, timeout=60)
            process.terminate()
            output, errors = process.communicate(timeout=60)

    printed = parsed_lines(head) + parsed_lines(output) + parsed_lines(errors)
    assert 1 == len([line for line in printed if "DATABSE_URL" in str(line["event"])])
    assert [True] == [line["new"] for line in printed if "new" in line]
    assert "request" in [line["event"] for line in printed]


@needs_signals
@pytest.mark.heavy
def test_migration_is_logged(tmp_path: Path) -> None:
    """In one line, with both revisions; the next start logs none."""
    asyncio.run(upgrade(SQLite(tmp_path / "leads.db", readers=1), "0001"))
    sentence = f"The schema of leads.db was migrated from revision 0001 to {head_revision()}."

    for expected in ([sentence], []):
        with running_command(*SERVE, folder=tmp_path) as process:
            assert "(new)" not in read_until(process, "Serving on")
            process.terminate()
            _, errors = process.communicate(timeout=60)

        assert expected == [line[36:] for line in errors.splitlines() if "migrated" in line]


def pretend_newer(url: str) -> None:
    """Mark the database as one of a later version."""
    with open_rows(url) as rows:
        rows.execute("UPDATE alembic_version SET version_num = '0999'")


async def test_newer_database_is_refused(database_url: str) -> None:
    """The line has both revisions and what to do; the database does not change."""
    pretend_newer(database_url)
    database = Database(database_url)

    with pytest.raises(StartupError) as refused:
        async with database.serving():
            pass

    assert (
        f"{database.name} has the schema of a newer version of the service (revision 0999; this "
        f"version supports revisions up to {head_revision()}). Run the newer version, or restore "
        "a backup."
    ) == str(refused.value)
    with open_rows(database_url) as rows:
        assert [("0999",)] == list(rows.execute("SELECT version_num FROM alembic_version"))


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("migrate",)])
@pytest.mark.heavy
def test_newer_file_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    """The exit code is 1."""
    run_command(*PYTHON_APP, "migrate", folder=tmp_path)
    pretend_newer(f"sqlite:///{tmp_path}/leads.db")

    ended = run_command(*PYTHON_APP, *command, folder=tmp_path)

    assert 1 == ended.returncode
    assert ended.stderr.startswith("Cannot start: leads.db has the schema of a newer version")
    assert 1 == len(ended.stderr.splitlines())


@pytest.mark.heavy
def test_locked_file_is_one_line(tmp_path: Path) -> None:
    """Another program holds the write lock."""
    run_command(*PYTHON_APP, "migrate", folder=tmp_path)
    with closing(sqlite3.connect(tmp_path / "leads.db", isolation_level=None)) as rows:
        rows.execute("BEGIN IMMEDIATE")
        ended = run_command(*SERVE, folder=tmp_path)

    assert 1 == ended.returncode
    assert (
        "Cannot start: The database leads.db cannot be opened or migrated: database is locked.\n"
    ) == ended.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@127.0.0.1:1/leads",
        "postgresql://postgres@no-such-host.invalid/leads",
    ],
)
@pytest.mark.heavy
def test_absent_server_is_one_line(url: str, tmp_path: Path) -> None:
    """No server listens, or the host does not exist."""
    ended = run_command(*SERVE, folder=tmp_path, DATABASE_URL=url)

    assert 1 == ended.returncode
    assert re.fullmatch(r"Cannot start: The database leads cannot be .+: .+\.\n", ended.stderr)


@pytest.mark.heavy
def test_absent_database_is_one_line(postgres: PostgresDatabases, tmp_path: Path) -> None:
    """The server has no database of this name."""
    with postgres.empty() as url:
        ended = run_command(*SERVE, folder=tmp_path, DATABASE_URL=f"{url}_gone")

    assert 1 == ended.returncode
    assert re.fullmatch(r"Cannot start: The database \S+ cannot be .+: .+\.\n", ended.stderr)
