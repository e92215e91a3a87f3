"""Two processes on one PostgreSQL, restarted one after the other under load."""

import asyncio
import itertools
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from subprocess import Popen

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from tests.faults.history import History
from tests.faults.load import bots_at_work, set_up
from tests.support.command import PYTHON_APP, read_until, running_command
from tests.support.postgres import PostgresDatabases
from tests.support.rows import open_rows
from tests.support.server import run_server


class Instance:
    """A process of the service, which always listens on the same port."""

    def __init__(self, folder: Path, database_url: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        self._folder = folder
        self._database_url = database_url
        self._stack = ExitStack()
        self._process: Popen[str] | None = None

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        self._process = self._stack.enter_context(
            running_command(
                *(*PYTHON_APP, "serve", "--port", self.port),
                folder=self._folder,
                DATABASE_URL=self._database_url,
                LOG_LEVEL="warning",
            )
        )
        assert "Serving on" in read_until(self._process, "Serving on")

    def end(self) -> tuple[int, str]:
        """Terminate the process, and wait for it.

        Returns:
            Its exit code, and its output on stderr.

        """
        assert self._process is not None
        self._process.terminate()
        _, errors = self._process.communicate(timeout=60)
        return self._process.returncode, errors

    def kill(self) -> None:
        """Kill the process if it still runs."""
        self._stack.close()


@asynccontextmanager
async def round_robin(ports: list[str]) -> AsyncIterator[str]:
    """The URL of a proxy like nginx: it skips only instances that refuse the connection."""
    turns = itertools.cycle([ports, ports[::-1]])

    async def forward(request: Request) -> Response:
        body = await request.body()
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in ("host", "content-length")
        }
        for port in next(turns):
            url = f"http://127.0.0.1:{port}{request.url.path}"
            try:
                answer = await client.request(request.method, url, headers=headers, content=body)
            except httpx.ConnectError:
                continue
            except httpx.TransportError:
                break
            return Response(answer.content, answer.status_code, dict(answer.headers))
        return Response("{}", 502)

    # A connection for each request, as nginx does.
    limits = httpx.Limits(max_keepalive_connections=0)
    proxy = FastAPI()
    proxy.add_api_route("/{path:path}", forward, methods=["GET", "POST", "PUT", "PATCH"])
    async with (
        httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client,
        run_server(proxy) as server,
    ):
        yield server.url


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
async def test_restart_one_after_the_other(postgres: PostgresDatabases, tmp_path: Path) -> None:
    """Each accepted request is answered once; at most, a connection not yet accepted is closed."""
    with postgres.fresh() as url, ExitStack() as stack:
        history = stack.enter_context(closing(History(tmp_path / "history.jsonl")))
        instances = [Instance(tmp_path, url) for _ in range(2)]
        for instance in instances:
            stack.callback(instance.kill)
            instance.start()
        async with (
            round_robin([instance.port for instance in instances]) as proxy,
            bots_at_work(proxy, history, await set_up(proxy), bots=16),
        ):
            await asyncio.sleep(0.5)
            ends = []
            for instance in instances:
                ends.append(await asyncio.to_thread(instance.end))
                await asyncio.to_thread(instance.start)
                await asyncio.sleep(0.5)
        with open_rows(url) as rows:
            [(stored,)] = rows.execute("SELECT count(*) FROM interactions")

    answers = history.answers()
    accepted = [answer for answer in answers if answer.status == 201]
    assert [0, 0] == [code for code, _ in ends]
    assert not [errors for _, errors in ends if "Traceback" in errors]
    assert {201, 502} >= {answer.status for answer in answers}
    assert not any(answer.replayed for answer in answers)
    assert stored == len(accepted)
    assert len(history.entries()) == 2 * len(answers)
