"""The systemd unit and the nginx site agree with the service."""

import re
import shlex
import shutil
import socket
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import httpx
import pytest

import app
from app.core.config import Settings, check_database_url
from app.db.group_read import CLOSE_TIMEOUT
from app.db.sqlite import JOIN_TIMEOUT
from app.main import DRAIN_TIMEOUT
from app.server.serve import GRACE
from tests.support.command import read_until, run_command, running_command
from tests.support.postgres import PostgresDatabases

DEPLOY = Path(app.__file__).parent / "deploy"
UNIT = DEPLOY / "lead-distribution@.service"
SITE = DEPLOY / "nginx.conf"


@pytest.fixture
def unit() -> ConfigParser:
    """The unit's settings."""
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(UNIT, encoding="utf-8")
    return parser


def run_if_installed(*command: str) -> tuple[int, str]:
    """A program's exit code and stderr; 0 and an empty text where it is not installed."""
    if shutil.which(command[0]) is None:
        return 0, ""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


def test_unit_is_valid(unit: ConfigParser, tmp_path: Path) -> None:
    """Systemd, if installed, accepts every line, and the unit has its paths and target."""
    instance = tmp_path / "lead-distribution@8000.service"
    python = unit["Service"]["ExecStart"].split()[0]
    text = UNIT.read_text(encoding="utf-8").replace(python, sys.executable)
    instance.write_text(text, encoding="utf-8")

    assert (0, "") == run_if_installed("systemd-analyze", "verify", str(instance))
    assert unit["Service"]["WorkingDirectory"] == str(Path(python).parents[2])
    assert "multi-user.target" == unit["Install"]["WantedBy"]


@pytest.mark.heavy
def test_unit_starts_the_service(unit: ConfigParser, tmp_path: Path) -> None:
    """Its command serves on the port of the instance, and exits with 0 on SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = shlex.split(unit["Service"]["ExecStart"].replace("%i", port))
    with running_command(*command[1:], folder=tmp_path) as process:
        read_until(process, "Serving on")
        ready = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
        process.terminate()
        process.communicate(timeout=int(unit["Service"]["TimeoutStopSec"]))

    assert 200 == ready.status_code
    assert sys.platform == "win32" or process.returncode == 0


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="systemd is for Linux only")
@pytest.mark.parametrize("workers", [(), ("--workers", "2")], ids=["alone", "workers"])
@pytest.mark.heavy
def test_unit_is_ready_when_the_service_is(
    unit: ConfigParser, workers: tuple[str, ...], postgres: PostgresDatabases, tmp_path: Path
) -> None:
    """Systemd is notified once requests are answered, with any number of processes."""
    with (
        socket.create_server(("127.0.0.1", 0)) as free,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        postgres.empty() as url,
    ):
        port = str(free.getsockname()[1])
        free.close()
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(600)
        command = shlex.split(unit["Service"]["ExecStart"].replace("%i", port))
        with running_command(
            *(*command[1:], *workers),
            folder=tmp_path,
            DATABASE_URL=url,
            NOTIFY_SOCKET=str(tmp_path / "notify"),
        ) as process:
            message = manager.recv(100)
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=60)
            process.terminate()
            process.communicate(timeout=60)

    assert b"READY=1" == message
    assert 200 == ready.status_code
    assert "notify" == unit["Service"]["Type"]
    assert "all" == unit["Service"]["NotifyAccess"]


@pytest.mark.heavy
def test_start_that_fails_is_never_ready(unit: ConfigParser, tmp_path: Path) -> None:
    """Systemd gets no notification from a service that cannot open its database."""
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("systemd is for Linux only")
    command = shlex.split(unit["Service"]["ExecStart"].replace("%i", "0"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        ended = run_command(
            *command[1:],
            folder=tmp_path,
            DATABASE_URL="sqlite:///typo/leads.db",
            NOTIFY_SOCKET=str(tmp_path / "notify"),
        )

        with pytest.raises(BlockingIOError):
            manager.recv(100)
    assert 1 == ended.returncode


def test_unit_is_hardened(tmp_path: Path) -> None:
    """Systemd, if installed, rates the exposure at most 3.0 of 10."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    instance = tmp_path / "lead-distribution@8000.service"
    shutil.copy(UNIT, instance)
    rating = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(instance)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in rating.stderr:
        pytest.skip("this version of systemd rates only units that run")

    exposure = re.search(r"Overall exposure level.*: ([\d.]+)", rating.stdout)
    assert exposure, rating.stderr
    assert float(exposure[1]) <= 3.0


def test_unit_stores_and_answers_all_requests(unit: ConfigParser) -> None:
    """The database is where the service may write, and systemd waits for the shutdown."""
    name, url = unit["Service"]["Environment"].split("=", 1)

    assert "DATABASE_URL" == name
    assert check_database_url(url).startswith(
        f"sqlite:////var/lib/{unit['Service']['StateDirectory']}/"
    )
    timeouts = (GRACE, DRAIN_TIMEOUT, CLOSE_TIMEOUT, JOIN_TIMEOUT)
    assert int(unit["Service"]["TimeoutStopSec"]) > sum(timeouts)


def test_site_is_valid(tmp_path: Path) -> None:
    """Nginx, if installed, accepts it; every block is closed, and every line is complete."""
    site = SITE.read_text(encoding="utf-8")
    # Its certificate is not available here.
    plain = re.sub(r"\n *ssl_certificate.*", "", site).replace("443 ssl", "8443")
    (tmp_path / "site.conf").write_text(plain, encoding="utf-8")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ {temporary} include {tmp_path}/site.conf; }}",
        encoding="utf-8",
    )
    lines = [line.strip() for line in site.splitlines()]

    code, errors = run_if_installed("nginx", "-t", "-p", str(tmp_path), "-c", str(main))

    assert 0 == code, errors
    assert site.count("{") == site.count("}")
    assert [] == [line for line in lines if line and line[0] != "#" and line[-1] not in "{};"]


def test_site_forwards_to_the_service(unit: ConfigParser) -> None:
    """It has the instances' ports; the service itself refuses bodies that are too large."""
    site = SITE.read_text(encoding="utf-8")
    ports = set(re.findall(r"server 127\.0\.0\.1:(\d+)", site))
    [max_body] = re.findall(r"client_max_body_size (\d+)k;", site)
    [read_timeout] = re.findall(r"proxy_read_timeout (\d+)s;", site)
    [upstream] = re.findall(r"^upstream (\w+)", site, re.MULTILINE)

    assert {"8000", "8001"} == ports
    assert ports == set(re.findall(r"@(\d+)", site))
    assert int(max_body) * 1024 > Settings.model_fields["max_body_bytes"].default
    assert int(read_timeout) > GRACE + DRAIN_TIMEOUT
    assert {f"http://{upstream}"} == set(re.findall(r"proxy_pass (.+);", site))
    assert 65536 == int(unit["Service"]["LimitNOFILE"])
