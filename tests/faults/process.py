"""The service as a process of its own, which can be killed and started again."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "app", "serve"]
_CAUSE = re.compile(r"\S+ warning (SQLite: SQLITE_[A-Z_]+|PostgreSQL: [A-Za-z]+)")
START_TIMEOUT = 120
"""Seconds until a start counts as failed, on a machine however busy."""


class Service:
    """The service on a database, always at the same address."""

    def __init__(self, database_url: str, log: Path, *options: str) -> None:
        self.port = _free_port()
        """Where it listens on loopback."""
        self._options = options
        self._database_url = database_url
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for HTTP clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The number of the running process."""
        return self._running().pid

    @property
    def log(self) -> str:
        """What it has complained of since the first start."""
        return self._log.read_text(encoding="utf-8")

    async def start(self) -> None:
        """Start the process, and wait until it is ready.

        Raises:
            RuntimeError: it ended instead.
            TimeoutError: it was not ready within `START_TIMEOUT`.

        """
        self._spawn()
        async with asyncio.timeout(START_TIMEOUT), httpx.AsyncClient(base_url=self.url) as client:
            while not await _is_ready(client):
                if self._running().poll() is not None:
                    raise RuntimeError(f"the service did not start: {self.log}")
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """End the process at once; it gets no chance to do anything more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def terminate(self, within: float) -> int:
        """Ask the process to end, and wait for that.

        Returns:
            Its exit code; minus the number of a signal that ended it.

        Raises:
            subprocess.TimeoutExpired: it did not end within so many seconds.

        """
        process = self._running()
        process.terminate()
        code = await asyncio.to_thread(process.wait, within)
        self._process = None
        return code

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the service is not running"
        return self._process

    def _spawn(self) -> None:
        # Coverage of a process that is killed is never written down.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "--port", str(self.port), *self._options],
                cwd=ROOT,
                env={
                    **environment,
                    "DATABASE_URL": self._database_url,
                    # Only what went wrong.
                    "LOG_LEVEL": "warning",
                },
                stdout=subprocess.DEVNULL,
                stderr=log,
            )


def only_causes(log: str) -> bool:
    """Whether a log has the database's own names of what was wrong, and nothing else.

    No traceback, no statement, no address.
    """
    lines = log.splitlines()
    return bool(lines) and all(_CAUSE.fullmatch(line) for line in lines)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
