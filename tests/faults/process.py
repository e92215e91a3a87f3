"""The service as a separate process, which tests can kill and restart."""

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
_CAUSE = re.compile(r"\S+ warning (SQLite error: SQLITE_[A-Z_]+|PostgreSQL error: [A-Za-z]+)")
START_TIMEOUT = 120
"""Seconds after which a start has failed, enough for a busy machine."""


class Service:
    """The service on a database, always on the same port."""

    def __init__(self, database_url: str, log: Path, *options: str) -> None:
        self.port = _free_port()
        """The port on loopback."""
        self._options = options
        self.database_url = database_url
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The base URL for HTTP clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        return self._running().pid

    @property
    def log(self) -> str:
        """Its warnings and errors since the first start."""
        return self._log.read_text(encoding="utf-8")

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def clear_log(self) -> None:
        """Forget the warnings and errors so far."""
        self._log.write_bytes(b"")

    async def start(self) -> None:
        """Start the process, and wait until it is ready.

        Raises:
            RuntimeError: the process ended.
            TimeoutError: it was not ready within `START_TIMEOUT`.

        """
        self._spawn()
        async with asyncio.timeout(START_TIMEOUT), httpx.AsyncClient(base_url=self.url) as client:
            while not await _is_ready(client):
                if self._running().poll() is not None:
                    raise RuntimeError(f"the service did not start: {self.log}")
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def terminate(self, within: float) -> int:
        """Terminate the process, and wait for its end.

        Returns:
            Its exit code; a negative signal number if a signal ended it.

        Raises:
            subprocess.TimeoutExpired: it did not end within this many seconds.

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
        # A process that is killed writes no coverage data.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "--port", str(self.port), *self._options],
                cwd=ROOT,
                env={
                    **environment,
                    "DATABASE_URL": self.database_url,
                    "LOG_LEVEL": "warning",
                },
                stdout=subprocess.DEVNULL,
                stderr=log,
            )


def only_causes(log: str) -> bool:
    """Whether a log has the database's error names, and nothing else.

    No traceback, no statement, no e-mail address.
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
