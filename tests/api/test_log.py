"""The log: one line per request, with its route's template."""

import asyncio
import json
import logging
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response

from app.core.config import Settings
from app.core.errors import RolledBack
from app.main import create_app
from tests.support.raw import exchange
from tests.support.server import LiveServer, run_server

Printed = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def in_json(settings: Settings, durable_url: str) -> Settings:
    """The test's settings with a JSON log, and a database that causes no warning."""
    return settings.model_copy(update={"log_format": "json"})


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """Reads the lines of the log after the application has ended."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client while the application runs."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


async def test_every_request_is_a_line(in_json: Settings, printed: Printed) -> None:
    """Id, method, template, status and time; a path without a route is `other`."""
    async with client_of(create_app(in_json)) as client:
        answers = [
            await client.get("/healthz"),
            await client.post("/operators", json={"name": "Maria"}),
            await client.get("/operators/1"),
            await client.get("/operators/2?name=Maria"),
            await client.post("/operators/1"),
            await client.get("/leads/maria/interactions"),
            await client.get("/maria"),
            await client.get("/docs/assets/swagger-ui.css"),
            await client.get("/openapi.json"),
            await client.request("MARIA", "/healthz"),
        ]

    lines = printed()
    assert [
        ("GET", "/healthz", 200),
        ("POST", "/operators", 201),
        ("GET", "/operators/{operator_id}", 200),
        ("GET", "/operators/{operator_id}", 404),
        ("POST", "/operators/{operator_id}", 405),
        ("GET", "/leads/{lead_uuid}/interactions", 422),
        ("GET", "other", 404),
        ("GET", "other", 200),
        ("GET", "/openapi.json", 200),
        ("other", "/healthz", 405),
    ] == [(line["method"], line["route"], line["status"]) for line in lines]
    assert [a.headers["X-Request-ID"] for a in answers] == [line["request_id"] for line in lines]
    for line in lines:
        assert ("info", "request") == (line["level"], line["event"])
        assert 0 < line["ms"] < 60_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])


@pytest.mark.parametrize("level", ["warning", "error"])
async def test_requests_can_be_left_out(in_json: Settings, printed: Printed, level: str) -> None:
    """At these levels requests are not logged."""
    async with client_of(create_app(in_json.model_copy(update={"log_level": level}))) as client:
        await client.get("/healthz")
        logging.getLogger("app.any").error("something is wrong")

    [line] = printed()
    assert ("error", "something is wrong") == (line["level"], line["event"])


async def test_libraries_log_in_the_same_format(in_json: Settings, printed: Printed) -> None:
    """Warnings of libraries are rendered like the service's, until the application ends."""
    async with client_of(create_app(in_json)):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("libraries.any").warning("about %s", "something")
        logging.getLogger("libraries.any").info("chatter")
    logging.getLogger("libraries.any").warning("after the end")

    events = [(line["level"], line["event"]) for line in printed()]
    assert [("warning", "Invalid HTTP request received."), ("warning", "about something")] == events


async def test_request_that_cannot_be_read(in_json: Settings, printed: Printed) -> None:
    """A request refused before it is parsed has a line, with the id of its response."""
    async with run_server(create_app(in_json)) as server:
        answer = await exchange(server, b"maria\r\n\r\n")

    [line] = [line for line in printed() if line["event"] == "request"]
    assert ("other", "other", 400) == (line["method"], line["route"], line["status"])
    assert answer.headers["X-Request-ID"] == line["request_id"]


async def test_client_that_disconnects(in_json: Settings, printed: Printed) -> None:
    """A request with an incomplete body gets no response, and status 499."""
    async with run_server(create_app(in_json)) as server:
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"POST /sources HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    [line] = [line for line in printed() if line["event"] == "request"]
    assert ("POST", "/sources", 499) == (line["method"], line["route"], line["status"])


async def send_and_reset(server: LiveServer, request: bytes, *, read_first: int = 0) -> None:
    """Send this, read so many bytes of the response, and reset the connection."""
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.write(request)
    await writer.drain()
    await reader.readexactly(read_first)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


GET_LONG = b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n"
GET_SLOW = b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "read_first"),
    [
        (GET_SLOW, 0),
        (GET_SLOW * 20, 0),
        (GET_LONG, 100),
        (GET_LONG * 20, 100),
        (GET_LONG + GET_SLOW, 100),
        (GET_SLOW[:-2] + b"Connection: close\r\n\r\n", 0),
        (GET_LONG[:-2] + b"Connection: close\r\n\r\n", 100),
    ],
    ids=[
        "before the answer",
        "before the first of many answers",
        "within the answer",
        "within the first of many answers",
        "within the answer, another waits",
        "before the only answer",
        "within the only answer",
    ],
)
async def test_client_that_resets(
    in_json: Settings, printed: Printed, request_bytes: bytes, read_first: int
) -> None:
    """One line, however many responses are pending, and no traceback."""
    app = create_app(in_json)
    started, disconnected = asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def think() -> str:
        started.set()
        await disconnected.wait()
        raise RolledBack

    @app.get("/long")
    async def talk() -> Response:
        started.set()
        return Response(b"a" * 1024 * 1024)

    async with run_server(app) as server:
        async with asyncio.timeout(30):
            client = asyncio.create_task(
                send_and_reset(server, request_bytes, read_first=read_first)
            )
            await started.wait()
            await client
            await asyncio.sleep(0.1)
            disconnected.set()

    [line] = printed()
    assert ("GET", 499) == (line["method"], line["status"])


@pytest.mark.heavy
async def test_client_that_stops_reading(in_json: Settings, printed: Printed) -> None:
    """One line as well, after the service has closed the connection."""
    app = create_app(in_json)

    @app.get("/long")
    async def talk() -> Response:
        return Response(b"a" * 1024 * 1024)

    async with run_server(app) as server:
        with socket.create_connection((server.host, server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(GET_LONG * 3)
            # It does not read, so only sending shows that the connection is closed.
            async with asyncio.timeout(90):
                with suppress(ConnectionError):
                    while True:
                        await asyncio.sleep(0.5)
                        client.sendall(b"GET")

    [line] = printed()
    assert ("GET", "/long", 499) == (line["method"], line["route"], line["status"])


async def test_task_that_fails_unseen(in_json: Settings, printed: Printed) -> None:
    """asyncio would log the arguments and the error's message."""
    async with client_of(create_app(in_json)):
        loop = asyncio.get_running_loop()

        def fail(secret: str) -> None:
            raise ValueError(secret)

        loop.call_soon(fail, "maria@example.com")
        await asyncio.sleep(0.01)

    [line] = printed()
    assert "error" == line["level"]
    assert "builtins.ValueError" in line["traceback"]
    assert "maria" not in str(line)
