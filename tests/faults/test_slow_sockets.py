"""Clients that hold sockets open: they are closed in time, and other clients are not affected."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi import FastAPI, Response

from tests.support.api import Api
from tests.support.command import PYTHON_APP, read_until, running_command
from tests.support.load import at_once, keep_on, new_client
from tests.support.raw import post
from tests.support.server import run_server

pytestmark = pytest.mark.heavy
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="only Linux lists the sockets of another process"
)

TIMEOUT = 60
"""Seconds: the limit is 10, and a busy machine adds to it."""
MEBIBYTE = 2**20
HEAD = post("/interaction", b"", "Content-Length: 10000")
UNFINISHED_HEAD = HEAD.removesuffix(b"\r\n")
SILENT = (b"", b"")
HALF_A_LINE = (b"POST /inter", b"")
HEADERS = (UNFINISHED_HEAD, b"X-A: a\r\n")
BODY = (HEAD, b" ")
READY = b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n"


class Service(NamedTuple):
    """`python -m app serve` in a separate process."""

    pid: int
    url: str

    @property
    def port(self) -> int:
        """The port on loopback."""
        return int(self.url.rpartition(":")[2])

    def sockets(self) -> int:
        """The number of open sockets of the process."""
        count = 0
        for file in Path(f"/proc/{self.pid}/fd").iterdir():
            # The process may close it meanwhile.
            with suppress(FileNotFoundError):
                count += str(file.readlink()).startswith("socket:")
        return count

    def peak_memory(self) -> int:
        """The peak resident memory of the process, in bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        return int(peak) * 1024


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service, run by its command line on an empty database."""
    serve = (*PYTHON_APP, "serve", "--port", "0")
    with running_command(*serve, folder=tmp_path, KEEP_ALIVE="5") as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        yield Service(process.pid, url)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def hold(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, beginning: bytes, drop: bytes
) -> bytes:
    """Send a beginning, then `drop` each half second; returns the answer when the server closes."""
    writer.write(beginning)
    reading = asyncio.create_task(reader.read())
    while not reading.done():
        await asyncio.wait([reading], timeout=0.5)
        writer.write(drop)
    with suppress(ConnectionResetError):
        return await reading
    return b""


def read_all(client: socket.socket) -> int:
    """The number of bytes received until the server closes the connection."""
    received = 0
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            received += len(piece)
    return received


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """Read one answer from a connection that stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [
        int(line[len("content-length:") :])
        for line in head.decode().lower().splitlines()
        if line.startswith("content-length:")
    ]
    return head + await reader.readexactly(length)


async def flood(port: int, beginning: bytes, drop: bytes, amount: int) -> int:
    """The number of bytes sent until the server closes the connection; at most this amount."""
    async with connected(port) as (_, writer):
        writer.write(beginning)
        sent = 0
        with suppress(ConnectionError):
            while sent < amount:
                writer.write(drop)
                await writer.drain()
                sent += len(drop)
        return sent


@needs_proc
async def test_200_slow_sockets_beside_healthy_traffic(service: Service) -> None:
    """All are closed in time, all other inquiries are accepted, and no socket is left open."""
    before = service.sockets()
    async with new_client(service.url) as bot:
        source = await Api(bot).create_source()
        inquiry = {"email": "anna@example.com", "source_id": source}
        finished = asyncio.Event()

        async def statuses() -> list[int]:
            calls = await keep_on(lambda: bot.post("/interaction", json=inquiry), finished)
            return [call.status_code for call in calls]

        healthy = asyncio.gather(*(statuses() for _ in range(4)))
        async with AsyncExitStack() as left_open:
            clients = [
                await left_open.enter_async_context(connected(service.port)) for _ in range(200)
            ]
            async with asyncio.timeout(TIMEOUT):
                answers = await at_once(
                    hold(*client, *kind)
                    for client, kind in zip(
                        clients, [SILENT, HALF_A_LINE, HEADERS, BODY] * 50, strict=True
                    )
                )
            # Without the sockets of the healthy client, which has one per task.
            still_held = service.sockets() - before - 4
        after = await bot.post("/interaction", json=inquiry)
        finished.set()
        healthy_statuses = await healthy

    assert {201} == {status for statuses in healthy_statuses for status in statuses}
    assert 201 == after.status_code
    assert still_held <= 0
    assert {b""} == set(answers[::4])
    for answer in answers[1::4]:
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nconnection: close\r\n" in answer
        assert b"\r\ncontent-type: application/problem+json\r\n" in answer


@needs_proc
@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (UNFINISHED_HEAD + b"X-A: ", b"a" * 65536),
        (UNFINISHED_HEAD, b"X-A: a\r\n" * 8192),
        (
            UNFINISHED_HEAD.replace(b"Content-Length: 10000", b"Transfer-Encoding: chunked")
            + b"\r\n1\r\n \r\n0\r\n",
            b"X-A: a\r\n" * 8192,
        ),
    ],
    ids=["one header", "many headers", "trailers"],
)
async def test_flood_of_headers(service: Service, beginning: bytes, drop: bytes) -> None:
    """The server closes the connection before 50 MiB, and does not hold them in memory."""
    memory = service.peak_memory()

    sent = await flood(service.port, beginning, drop, 50 * MEBIBYTE)

    assert sent < 50 * MEBIBYTE
    assert service.peak_memory() < memory + 10 * MEBIBYTE


async def test_idle_connection_is_closed_without_an_answer(service: Service) -> None:
    """A client that has its answer and sends nothing more gets no further bytes."""
    async with connected(service.port) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(READY)
        answer = await read_answer(reader)
        rest = await reader.read()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"" == rest


async def test_connection_with_steady_requests_is_kept(service: Service) -> None:
    """A request every 3 s, for longer than the timeout of one: each has its own timeout."""
    answers = []
    async with connected(service.port) as (reader, writer):
        for _ in range(5):
            writer.write(READY)
            answers.append(await read_answer(reader))
            await asyncio.sleep(3)

    assert [b"HTTP/1.1 200 "] * 5 == [answer[:13] for answer in answers]


async def test_each_request_on_a_connection_has_a_timeout(service: Service) -> None:
    """A complete request does not extend the timeout of the next."""
    async with connected(service.port) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(READY + UNFINISHED_HEAD)
        first = await read_answer(reader)
        rest = await reader.read()

    assert first.startswith(b"HTTP/1.1 200 ")
    assert rest.startswith(b"HTTP/1.1 408 ")


async def test_slow_answer_is_no_timeout() -> None:
    """The time of the answer does not count, even if another request has begun."""
    app = FastAPI()

    @app.get("/readyz")
    async def answer_slowly() -> str:
        await asyncio.sleep(12)
        return "done"

    async with run_server(app) as server, connected(server.port) as (reader, writer):
        writer.write(READY + UNFINISHED_HEAD)
        answer = await read_answer(reader)

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_unread_answer_is_dropped() -> None:
    """The server closes a connection whose client stops reading, with the answer half sent."""
    app = FastAPI()

    @app.get("/readyz")
    async def answer_at_length() -> Response:
        return Response(b"a" * 32 * MEBIBYTE)

    async with run_server(app) as server:
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(READY)
            await asyncio.sleep(35)
            received = await asyncio.to_thread(read_all, client)

    assert 0 < received < 32 * MEBIBYTE
