"""`python -m app demo`, as its user sees it."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.command import PYTHON_APP, read_until, run_command, running_command

DEMO = (*PYTHON_APP, "demo")
OPERATORS = ("Maria Ivanova", "John Smith", "Lena Schmidt", "Carlos García", "Yusuf Demir")
SOURCES = ("Telegram bot", "Website chat", "WhatsApp bot")

needs_signals = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot signal one process alone"
)


def temporary_folder(path: Path) -> dict[str, str]:
    """The variables that set the folder for temporary files, on any system."""
    return dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(path))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The demo, run to its end with a database of the user's own configured."""
    folder = tmp_path_factory.mktemp("demo")
    temporary = tmp_path_factory.mktemp("temporary")
    ended = run_command(*DEMO, "--exit", folder=folder, **temporary_folder(temporary))
    assert [] == [*folder.iterdir(), *temporary.iterdir()], "the demo left files behind"
    return ended


def test_every_inquiry_is_accepted(report: subprocess.CompletedProcess[str]) -> None:
    """All 1,000 return 201; the exit code is 0, and stderr is empty."""
    assert "201 Created 1,000." in report.stdout
    assert "1000/1000" in report.stdout
    assert "" == report.stderr
    assert 0 == report.returncode


def test_shares_of_every_source_and_operator_are_shown(
    report: subprocess.CompletedProcess[str],
) -> None:
    """Targets follow the weights, deviations the actual shares, and no inquiry is lost."""
    rows = re.findall(
        r"^ +(\S.*?) +(\d+) +([\d.]+)% +([\d.]+)% +([+-][\d.]+) pp +(\d+) *$",
        report.stdout,
        re.MULTILINE,
    )
    totals = {
        name: int(re.findall(rf"^ *{name} +(\d+) *$", report.stdout, re.MULTILINE)[0])
        for name in SOURCES
    }

    assert 11 == len(rows)
    assert set(OPERATORS) == {name.removesuffix(" (inactive)") for name, *_ in rows}
    assert ("Yusuf Demir (inactive)", "40", "0.0", "0.0", "+0.0", "0") in rows
    assert ("Maria Ivanova", "0", "0.0", "0.0", "+0.0", "0") in rows
    assert ("Maria Ivanova", "50", "50.0") in [row[:3] for row in rows]
    assert 1_000 == sum(totals.values()) == sum(int(picked) for *_, picked in rows)
    for _, _, target, actual, deviation, _ in rows:
        assert float(actual) - float(target) == pytest.approx(float(deviation), abs=0.11)
        # One inquiry of the smallest source, plus rounding.
        assert abs(float(deviation)) <= 100 / min(totals.values()) + 0.05


def test_history_of_a_returning_lead_is_shown(report: subprocess.CompletedProcess[str]) -> None:
    """One lead has several interactions, oldest first; the first is closed."""
    _, _, history = report.stdout.partition("The history of ")
    rows = re.findall(
        rf"^ *(\d\d:\d\d:\d\d) +({'|'.join(SOURCES)}) +({'|'.join(OPERATORS)}) +(open|closed) +\S",
        history,
        re.MULTILINE,
    )

    assert "@" in history.splitlines()[0]
    assert 5 <= len(rows)
    assert ["closed", *["open"] * (len(rows) - 1)] == [state for *_, state in rows]


def test_queue_is_shown(report: subprocess.CompletedProcess[str]) -> None:
    """Limits hold; a close assigns one inquiry, a raised limit as many as it was raised by."""
    _, _, rush = report.stdout.partition("A rush on the night hotline")
    rows = re.findall(r"^ *(\S.+?) +(\d) of (\d) +(\d) of (\d) +(\d) *$", rush, re.MULTILINE)

    assert [
        ("10 inquiries come in", "3", "3", "3", "3", "4"),
        ("The first interaction is closed", "3", "3", "3", "3", "3"),
        ("A limit is raised to 5", "5", "5", "3", "3", "1"),
    ] == rows


def test_assignments_of_an_inquiry_are_explained(report: subprocess.CompletedProcess[str]) -> None:
    """First why it waited, then why it was assigned to its operator."""
    _, _, moves = report.stdout.partition("The assignments of interaction ")
    words = " ".join(moves.split())

    assert re.search(r"\d\d:\d\d:\d\d waiting It had to wait: no operator was available\.", words)
    assert "Aiko Tanaka (operator 6), at the limit of 3" in words
    assert "from_queue It had waited until an operator was available." in words
    assert "was the only available operator." in words


def test_address_of_the_docs_is_shown(report: subprocess.CompletedProcess[str]) -> None:
    """The last line is the address of Swagger UI."""
    last = report.stdout.splitlines()[-1]

    assert re.fullmatch(r"Swagger UI: http://127\.0\.0\.1:\d+/docs", last)


def test_report_fits_a_narrow_terminal(report: subprocess.CompletedProcess[str]) -> None:
    """80 columns are enough; letters of double width are few in a line."""
    assert 80 >= max(len(line) for line in report.stdout.splitlines())


@needs_signals
@pytest.mark.heavy
def test_runs_until_ctrl_c(tmp_path: Path) -> None:
    """The docs are served after the report; Ctrl-C exits with code 0 and removes the database."""
    with running_command(*DEMO, folder=tmp_path, **temporary_folder(tmp_path)) as process:
        shown = read_until(process, "Ctrl-C stops it")
        docs = httpx.get(shown.split("Swagger UI: ")[1].split()[0], trust_env=False)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert 200 == docs.status_code
    assert "" == errors
    assert 0 == process.returncode
    assert [] == list(tmp_path.iterdir())


@needs_signals
@pytest.mark.heavy
def test_ctrl_c_while_bots_are_posting(tmp_path: Path) -> None:
    """The demo exits with code 0 and leaves no files."""
    with running_command(*DEMO, folder=tmp_path, **temporary_folder(tmp_path)) as process:
        read_until(process, "The service listens on")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)

    assert "Swagger UI" not in output
    assert "" == errors
    assert 0 == process.returncode
    assert [] == list(tmp_path.iterdir())


@pytest.mark.heavy
def test_refused_inquiries_are_counted(tmp_path: Path) -> None:
    """With a body limit below the longest inquiries the demo reports how many were refused."""
    ended = run_command(*DEMO, "--exit", folder=tmp_path, MAX_BODY_BYTES="1024")

    refused = re.search(r"413 [\w\s]+? (\d+)\.", ended.stdout)
    assert refused is not None
    assert 0 < int(refused[1]) < 1_000
    assert "Not every inquiry was accepted" in ended.stdout
    assert 1 == ended.returncode


@pytest.mark.heavy
def test_taken_port_is_one_line(tmp_path: Path) -> None:
    """The exit code is 1, the line names the port, and no files are left."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_command(*DEMO, "--port", port, folder=tmp_path, **temporary_folder(tmp_path))

    assert 1 == ended.returncode
    assert ended.stderr.startswith(f"Cannot start: Port {port} of 127.0.0.1 cannot be used: ")
    assert 1 == len(ended.stderr.splitlines())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.heavy
def test_given_port_is_used(tmp_path: Path) -> None:
    """`--port` sets the service's port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with running_command(
        *DEMO, "--port", port, folder=tmp_path, **temporary_folder(tmp_path)
    ) as process:
        shown = read_until(process, "The service listens on")

    assert f"The service listens on http://127.0.0.1:{port};" in shown
