"""The command line, as a user of the service's commands sees it."""

import re
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from time import sleep

import httpx
import pytest

from app.db.migrate import head_revision
from tests.support.command import (
    PYTHON_APP,
    UVICORN,
    read_until,
    run_command,
    running_command,
)
from tests.support.kinds import only_sqlite
from tests.support.server import LiveServer

needs_signals = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot signal one process alone"
)
SERVE = (*PYTHON_APP, "serve", "--port", "0")
starting = pytest.mark.parametrize(
    "start",
    [
        SERVE,
        pytest.param((*UVICORN, "--port", "0"), marks=pytest.mark.heavy),
    ],
)


def refusal(start: tuple[str, ...], folder: Path, url: str) -> str:
    """The line of a start that must fail; the service prints nothing else.

    Uvicorn prints lines of its own about starting and exiting.
    """
    ended = run_command(*start, folder=folder, DATABASE_URL=url)
    assert ended.returncode not in (0, -signal.SIGTERM)
    assert "Traceback" not in ended.stdout + ended.stderr
    lines = ended.stderr.splitlines()
    if start[:2] == UVICORN[:2]:
        framed = re.compile(
            r"INFO: +(Started server process|Waiting for)|ERROR: +Application startup failed"
        )
        lines = [line for line in lines if not framed.match(line)]
    assert 1 == len(lines)
    return lines[0]


@starting
def test_bad_setting_is_one_line(start: tuple[str, ...], tmp_path: Path) -> None:
    """The line names the variable and omits its value."""
    line = refusal(start, tmp_path, "mysql://staff:hush-hush@db/leads")

    assert "Cannot start: DATABASE_URL: must begin with sqlite:/// or postgresql://" == line


@pytest.mark.heavy
def test_several_processes_on_sqlite_are_one_line(tmp_path: Path) -> None:
    """The line names the alternative, and no database is created."""
    start = (*PYTHON_APP, "serve", "--port", "0", "--workers", "2")

    line = refusal(start, tmp_path, "sqlite:///leads.db")

    assert "Cannot start: SQLite allows only one process; --workers requires PostgreSQL." == line
    assert [] == list(tmp_path.iterdir())


@starting
@pytest.mark.heavy
def test_missing_folder_is_one_line(start: tuple[str, ...], tmp_path: Path) -> None:
    """A mistyped folder is not created."""
    line = refusal(start, tmp_path, "sqlite:///typo/leads.db")

    assert line.endswith(f" The folder {tmp_path}/typo of the database does not exist.")
    assert not (tmp_path / "typo").exists()


@pytest.mark.heavy
def test_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    """A file that is not a database is not changed."""
    file = tmp_path / "letter.txt"
    file.write_text("Dear Maria, " * 100, encoding="utf-8")

    line = refusal(SERVE, tmp_path, "sqlite:///letter.txt")

    assert line.endswith(
        " The database letter.txt cannot be opened or migrated: file is not a database."
    )
    assert "Dear Maria, " * 100 == file.read_text(encoding="utf-8")


@pytest.mark.heavy
def test_tables_of_another_program_are_one_line(tmp_path: Path) -> None:
    """The database of another program is not changed."""
    with closing(sqlite3.connect(tmp_path / "leads.db")) as rows:
        rows.execute("CREATE TABLE leads (name TEXT)")
    (tmp_path / "leads.db").chmod(0o600)

    line = refusal(SERVE, tmp_path, "sqlite:///leads.db")

    assert line.endswith("cannot be opened or migrated: table leads already exists.")


@only_sqlite
@pytest.mark.heavy
def test_second_server_on_a_file_is_one_line(
    tmp_path: Path, server: LiveServer, database_path: Path
) -> None:
    """Two processes on one file could damage it."""
    line = refusal(SERVE, tmp_path, f"sqlite:///{database_path}")

    assert line.endswith(" Another process already serves the database test.db.")


@pytest.mark.heavy
def test_taken_port_is_one_line(tmp_path: Path) -> None:
    """The line names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_command(*PYTHON_APP, "serve", "--port", port, folder=tmp_path)

    assert 1 == ended.returncode
    assert ended.stderr.startswith(f"Cannot start: Port {port} of 127.0.0.1 cannot be used: ")
    assert 1 == len(ended.stderr.splitlines())


@pytest.mark.parametrize("command", ["serve", "copy"])
@pytest.mark.heavy
def test_help_needs_no_usable_settings(command: str, tmp_path: Path) -> None:
    """A user with wrong settings can still read the help."""
    ended = run_command(*PYTHON_APP, command, "--help", folder=tmp_path, DATABASE_URL="nonsense")

    assert 0 == ended.returncode
    assert f"Usage: python -m app {command}" in ended.stdout
    assert [] == list(tmp_path.iterdir())


def test_serve_prints_its_address_and_logs_requests(tmp_path: Path) -> None:
    """The service is ready, names no server software, and logs requests without their query."""
    with running_command(*PYTHON_APP, "serve", "--port", "0", folder=tmp_path) as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        ready = httpx.get(f"{url}/readyz", params={"email": "canary@example.com"}, trust_env=False)
        process.terminate()
        output, errors = process.communicate(timeout=60)

    assert 200 == ready.status_code
    assert "server" not in ready.headers
    assert "" == output
    [line] = errors.splitlines()
    id = ready.headers["X-Request-ID"]
    assert re.fullmatch(
        rf"\S+Z info    request method=GET route=/readyz status=200 ms=[\d.]+ request_id={id}", line
    )


@needs_signals
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.heavy)]
)
def test_serve_shuts_down_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    """The exit code is 0, nothing is logged, and the write-ahead log is removed."""
    with running_command(
        *PYTHON_APP, "serve", "--port", "0", folder=tmp_path, LOG_LEVEL="warning"
    ) as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        httpx.post(f"{url}/sources", json={"description": "bot"}, trust_env=False)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)

    assert 0 == process.returncode
    assert "" == errors
    assert not (tmp_path / "leads.db-wal").exists()


@needs_signals
@pytest.mark.parametrize("sent", [0, 30])
@pytest.mark.heavy
def test_serve_drains_its_connections(sent: int, tmp_path: Path) -> None:
    """A client that connected before the signal is answered before the process exits."""
    request = b"GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    with running_command(*PYTHON_APP, "serve", "--port", "0", folder=tmp_path) as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as client:
            client.sendall(request[:sent])
            # The response to another client shows that the earlier connection was accepted.
            httpx.get(f"{url}/healthz", trust_env=False)
            process.terminate()
            sleep(0.3)
            client.sendall(request[sent:])
            answer = client.makefile("rb").read()
        process.communicate(timeout=60)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert 0 == process.returncode


@needs_signals
@pytest.mark.heavy
def test_serve_started_in_the_background_of_a_script_ends_on_sigterm(
    tmp_path: Path,
) -> None:
    """A shell's `… &` starts processes with SIGINT ignored; SIGTERM must still work."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with running_command(*PYTHON_APP, "serve", "--port", "0", folder=tmp_path) as process:
            read_until(process, "Serving on")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGINT, before)

    assert 0 == process.returncode


def test_migrate_brings_a_fresh_file_to_head(tmp_path: Path) -> None:
    """A new file has the schema of this version."""
    ended = run_command(*PYTHON_APP, "migrate", folder=tmp_path)

    assert 0 == ended.returncode
    assert f"leads.db is at revision {head_revision()}.\n" == ended.stdout
    database = sqlite3.connect(tmp_path / "leads.db")
    assert [(head_revision(),)] == database.execute("SELECT * FROM alembic_version").fetchall()
    database.close()


@only_sqlite
@pytest.mark.heavy
def test_migrate_refuses_a_served_file(
    tmp_path: Path, server: LiveServer, database_path: Path
) -> None:
    """The schema does not change under a running service."""
    ended = run_command(
        *PYTHON_APP, "migrate", folder=tmp_path, DATABASE_URL=f"sqlite:///{database_path}"
    )

    assert 1 == ended.returncode
    assert "Cannot start: Another process already serves the database test.db.\n" == ended.stderr
