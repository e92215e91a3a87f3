"""The servers that are compared, each in its own process on uvicorn, uvloop and httptools."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.error import URLError

_UVICORN = ("uvicorn", "--http", "httptools", "--no-access-log", "--log-level", "error")
Store = Literal["none", "journal", "wal", "postgres"]
"""Where a contender writes: nowhere, SQLite by default, SQLite as the service, PostgreSQL."""


class Contender(NamedTuple):
    """A server that is measured."""

    command: tuple[str, ...]
    """The arguments of `python -m`."""
    store: Store
    limits: bool = False
    """Whether operators have limits, which are enforced but never reached."""
    keys: bool = False
    """Whether each inquiry has an idempotency key of its own."""


_CEILING = (*_UVICORN, "tests.bench.ceiling:app")
_CHECKED = (*_UVICORN, "tests.bench.ceiling:checked")
_BARE = (*_UVICORN, "tests.bench.ceiling:bare")
_PLAIN = (*_UVICORN, "tests.bench.plain:app")
_SERVICE = ("app", "serve")
CEILING = "ceiling"
"""Bare FastAPI."""
CHECKED_CEILING = "ceiling with our check"
"""Bare FastAPI with the service's check of e-mail addresses."""
CONTENDERS = {
    "bare ASGI": Contender(_BARE, "none"),
    CEILING: Contender(_CEILING, "none"),
    CHECKED_CEILING: Contender(_CHECKED, "none"),
    "plain": Contender(_PLAIN, "journal"),
    "service": Contender(_SERVICE, "wal"),
    "service with limits": Contender(_SERVICE, "wal", limits=True),
    "service with keys": Contender(_SERVICE, "wal", keys=True),
    "plain, PostgreSQL": Contender(_PLAIN, "postgres"),
    "service, PostgreSQL": Contender(_SERVICE, "postgres"),
    "service with limits, PostgreSQL": Contender(_SERVICE, "postgres", limits=True),
    "service with keys, PostgreSQL": Contender(_SERVICE, "postgres", keys=True),
    "2 processes, PostgreSQL": Contender((*_SERVICE, "--workers", "2"), "postgres"),
}


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    pid: int

    def memory(self) -> float:
        """MiB of resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024

    def cpu(self) -> float:
        """Seconds of processor time of its processes, without PostgreSQL's."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split()
        return sum(map(_cpu, [str(self.pid), *children]))


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite:///{path}"


@contextmanager
def serving(contender: str, url: str) -> Iterator[Server]:
    """Run a contender on a database until the block ends."""
    port = _free_port()
    with subprocess.Popen(
        [sys.executable, "-m", *CONTENDERS[contender].command, "--port", str(port)],
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        # The plain service prints a traceback for every 500; wrk counts them.
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/openapi.json", process)
            yield Server(url, process.pid)
        finally:
            process.terminate()


def _cpu(pid: str) -> float:
    # Fields 14 and 15: the time in user mode and in the kernel. The name before them may have any
    # characters.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url).close()  # noqa: S310  # loopback, from above
        except URLError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer")
