"""More connections than the service has file descriptors."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from app.core.config import Settings
from app.main import create_app
from tests.support.command import PYTHON_APP, read_until, running_command
from tests.support.kinds import only_sqlite
from tests.support.raw import read_answers
from tests.support.server import run_server

READY = b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n"
BEGINNING = READY[:-2]
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
sys.argv = ["app", "serve", "--port", "0"]
runpy.run_module("app", run_name="__main__")
"""


@asynccontextmanager
async def holding(
    port: int, count: int, beginning: bytes
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Hold `count` connections that have sent only this."""
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.push_async_callback(close, writer)
            writer.write(beginning)
            readers.append(reader)
        yield readers


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, which the service may have reset."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def ask(port: int) -> httpx.Response:
    """The answer of `/readyz` on a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(READY)
    try:
        [answer] = await read_answers(reader, 1)
    finally:
        await close(writer)
    return answer


async def refused_at_the_limit(stack: AsyncExitStack, port: int) -> httpx.Response:
    """The 503 that a request gets once enough connections have sent half a request."""
    async with asyncio.timeout(30):
        while (answer := await ask(port)).status_code != 503:
            await stack.enter_async_context(holding(port, 100, BEGINNING))
    return answer


@only_sqlite
async def test_idle_connections_are_closed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Those idle for longest are closed without an answer; one warning is logged for all."""
    settings = settings.model_copy(update={"max_connections": 10})
    async with (
        run_server(create_app(settings), settings) as server,
        holding(server.port, 30, b"") as readers,
        asyncio.timeout(30),
    ):
        answer = await ask(server.port)
        received = [await reader.read() for reader in readers[:21]]
        closed = [reader.at_eof() for reader in readers[21:]]

    assert 200 == answer.status_code
    assert {b""} == set(received)
    assert {False} == set(closed)
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "the limit of 10 connections is reached" in warning.getMessage()


@only_sqlite
async def test_busy_connections_are_kept(settings: Settings) -> None:
    """If none is idle, a new connection gets a 503; it is accepted once another has closed."""
    settings = settings.model_copy(update={"max_connections": 10})
    async with run_server(create_app(settings), settings) as server:
        async with AsyncExitStack() as stack:
            refused = await refused_at_the_limit(stack, server.port)
        async with asyncio.timeout(30):
            while (accepted := await ask(server.port)).status_code == 503:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.1)

    assert 503 == refused.status_code
    assert "busy" == refused.json()["code"]
    assert "1" == refused.headers["Retry-After"]
    assert "close" == refused.headers["Connection"]
    assert 200 == accepted.status_code


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of the service, in a process limited to 256 file descriptors."""
    if sys.platform != "linux":
        pytest.skip("the limit of file descriptors is set as on Linux")
    command = ("-c", LIMITED.format(limit=256))
    with running_command(*command, folder=tmp_path, LOG_LEVEL="warning") as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        yield int(url.rpartition(":")[2])


@pytest.mark.heavy
async def test_more_sockets_than_file_descriptors(port: int) -> None:
    """Idle connections block no client; if none is idle, clients get a 503 and no reset."""
    async with holding(port, 600, b""):
        with_idle = [await ask(port) for _ in range(20)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            created = await client.post("/operators", json={"name": "Maria"})
            listed = await client.get("/operators")
    async with AsyncExitStack() as stack:
        with_busy = [await refused_at_the_limit(stack, port)]
        with_busy += [await ask(port) for _ in range(20)]

    assert {200} == {answer.status_code for answer in with_idle}
    assert [201, 200] == [created.status_code, listed.status_code]
    assert {503} == {answer.status_code for answer in with_busy}


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_ipv4_and_ipv6(tmp_path: Path) -> None:
    """With `--host ::` the service listens on all addresses."""
    serve = (*PYTHON_APP, "serve", "--host", "::", "--port", "0")
    with running_command(*serve, folder=tmp_path) as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        port = url.rpartition(":")[2]
        async with httpx.AsyncClient() as client:
            answers = [
                await client.get(f"http://{host}:{port}/readyz") for host in ("127.0.0.1", "[::1]")
            ]

    assert [200, 200] == [answer.status_code for answer in answers]
