"""Clients that hold sockets: none is held for long, and nobody else notices."""

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
    not Path("/proc/self/fd").exists(), reason="only Linux shows what another process holds"
)

TIMEOUT = 60
"""Seconds: the bound is 10, and a busy machine adds to it."""
MEBIBYTE = 2**20
HEAD = post("/interaction", b"", "Content-Length: 10000")
UNFINISHED_HEAD = HEAD.removesuffix(b"\r\n")
SILENT = (b"", b"")
HALF_A_LINE = (b"POST /inter", b"")
HEADERS = (UNFINISHED_HEAD, b"X-A: a\r\n")
BODY = (HEAD, b" ")
READY = b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n"


class Service(NamedTuple):
    """`python -m app serve` in a process of its own."""

    pid: int
    url: str

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return int(self.url.rpartition(":")[2])

    def sockets(self) -> int:
        """How many sockets the process has open."""
        count = 0
        for file in Path(f"/proc/{self.pid}/fd").iterdir():
            # It may be closed while we look.
            with suppress(FileNotFoundError):
                count += str(file.readlink()).startswith("socket:")
        return count

    def peak_memory(self) -> int:
        """The most bytes that it ever had resident."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        return int(peak) * 1024


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service as it is run for real, on an empty database."""
    serve = (*PYTHON_APP, "serve", "--port", "0")
    with running_command(*serve, folder=tmp_path, KEEP_ALIVE="5") as process:
        url = read_until(process, "Serving on").split()[2].rstrip(",")
        yield Service(process.pid, url)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection."""
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
    """What the server has said when it hangs up on a beginning and a drop each half second."""
    writer.write(beginning)
    reading = asyncio.create_task(reader.read())
    while not reading.done():
        await asyncio.wait([reading], timeout=0.5)
        writer.write(drop)
    with suppress(ConnectionResetError):
        return await reading
    return b""


def read_all(client: socket.socket) -> int:
    """How many bytes come until the server hangs up."""
    received = 0
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            received += len(piece)
    return received


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """One answer on a connection that stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [
        int(line[len("content-length:") :])
        for line in head.decode().lower().splitlines()
        if line.startswith("content-length:")
    ]
    return head + await reader.readexactly(length)


async def pour(port: int, beginning: bytes, drop: bytes, amount: int) -> int:
    """How many bytes the server lets come before it hangs up; at most this amount."""
    async with connected(port) as (_, writer):
        writer.write(beginning)
        poured = 0
        with suppress(ConnectionError):
            while poured < amount:
                writer.write(drop)
                await writer.drain()
                poured += len(drop)
        return poured


@needs_proc
async def test_200_slow_sockets_beside_healthy_traffic(service: Service) -> None:
    """All are closed in time, every inquiry beside them is taken in, and no socket is left."""
    before = service.sockets()
    async with new_client(service.url) as bot:
        source = await Api(bot).create_source()
        inquiry = {"email": "anna@example.com", "source_id": source}
        over = asyncio.Event()

        async def statuses() -> list[int]:
            calls = await keep_on(lambda: bot.post("/interaction", json=inquiry), over)
            return [call.status_code for call in calls]

        healthy = asyncio.gather(*(statuses() for _ in range(4)))
        async with AsyncExitStack() as left_open:
            clients = [
                await left_open.enter_async_context(connected(service.port)) for _ in range(200)
            ]
            async with asyncio.timeout(TIMEOUT):
                said = await at_once(
                    hold(*client, *kind)
                    for client, kind in zip(
                        clients, [SILENT, HALF_A_LINE, HEADERS, BODY] * 50, strict=True
                    )
                )
            # But for those of the healthy client, of which it has one a task.
            still_held = service.sockets() - before - 4
        after = await bot.post("/interaction", json=inquiry)
        over.set()
        answered = await healthy

    assert {201} == {status for statuses in answered for status in statuses}
    assert 201 == after.status_code
    assert still_held <= 0
    assert {b""} == set(said[::4])
    for answer in said[1::4]:
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
    """50 MiB are cut early, and never held in memory."""
    memory = service.peak_memory()

    poured = await pour(service.port, beginning, drop, 50 * MEBIBYTE)

    assert poured < 50 * MEBIBYTE
    assert service.peak_memory() < memory + 10 * MEBIBYTE


async def test_idle_connection_is_closed_without_a_word(service: Service) -> None:
    """Who was served and says nothing more has missed nothing."""
    async with connected(service.port) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(READY)
        answer = await read_answer(reader)
        rest = await reader.read()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"" == rest


async def test_steady_connection_is_kept(service: Service) -> None:
    """A request every 3 s, for longer than one may take: each has its own time."""
    answers = []
    async with connected(service.port) as (reader, writer):
        for _ in range(5):
            writer.write(READY)
            answers.append(await read_answer(reader))
            await asyncio.sleep(3)

    assert [b"HTTP/1.1 200 "] * 5 == [answer[:13] for answer in answers]


async def test_next_request_on_a_kept_connection_is_timed_too(service: Service) -> None:
    """A good request first buys no patience for the next."""
    async with connected(service.port) as (reader, writer), asyncio.timeout(TIMEOUT):
        writer.write(READY + UNFINISHED_HEAD)
        first = await read_answer(reader)
        rest = await reader.read()

    assert first.startswith(b"HTTP/1.1 200 ")
    assert rest.startswith(b"HTTP/1.1 408 ")


async def test_slow_answer_is_waited_for() -> None:
    """Time that the service itself takes is not the client's, whatever comes behind."""
    app = FastAPI()

    @app.get("/readyz")
    async def think() -> str:
        await asyncio.sleep(12)
        return "done"

    async with run_server(app) as server, connected(server.port) as (reader, writer):
        writer.write(READY + UNFINISHED_HEAD)
        answer = await read_answer(reader)

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_answer_that_nobody_reads_is_dropped() -> None:
    """A client that reads nothing for long is hung up on, with the answer half sent."""
    app = FastAPI()

    @app.get("/readyz")
    async def talk() -> Response:
        return Response(b"a" * 32 * MEBIBYTE)

    async with run_server(app) as server:
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(READY)
            await asyncio.sleep(35)
            received = await asyncio.to_thread(read_all, client)

    assert 0 < received < 32 * MEBIBYTE
