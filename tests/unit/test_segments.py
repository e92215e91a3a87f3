"""Bytes on a connection are the same requests however the network segments them."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.server.connections import Connections

pytest.importorskip("httptools")

from app.server.deadlines import DeadlineProtocol  # it needs httptools

Seen = tuple[str, str, bytes]

UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
LENGTH = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b'2;a="b"\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: 1\r\nUpgrade: h2c\r\n\r\n'
GET = b"GET /next HTTP/1.1\r\nHost: test\r\n\r\n"
POSTED = ("POST", "/first", b"hello")
NEXT = ("GET", "/next", b"")


class _Memory(asyncio.Transport):
    """A client that reads each response at once."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.is_paused = False
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


async def serve(*segments: bytes) -> tuple[list[Seen], list[str], bytes]:
    """The requests that reach an application, the names of their headers, and the bytes sent."""
    requests: list[Seen] = []
    names: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more_body = True
        while more_body:
            message = await receive()
            body += message["body"]
            more_body = message["more_body"]
        requests.append((scope["method"], scope["path"], body))
        names.extend(name.decode() for name, _ in scope["headers"])
        await send(
            {"type": "http.response.start", "status": 204, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, ws="none", log_config=None)
    config.load()
    protocol = DeadlineProtocol(
        config=config, server_state=ServerState(), app_state={}, connections=Connections(1)
    )
    transport = _Memory()
    protocol.connection_made(transport)
    for segment in segments:
        while transport.is_paused:  # noqa: ASYNC110  # no event to wait for
            await asyncio.sleep(0)
        protocol.data_received(segment)
    while protocol.tasks:  # noqa: ASYNC110  # no event to wait for
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    return requests, names, transport.sent


def post(*headers: bytes, body: bytes) -> bytes:
    """A POST with this body."""
    return b"".join([b"POST /first HTTP/1.1\r\nHost: test\r\n", *headers, b"\r\n", body])


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (post(LENGTH, body=b"hello") + GET, [POSTED, NEXT]),
        (post(CHUNKED, body=CHUNKS) + GET, [POSTED, NEXT]),
        (post(UPGRADE, LENGTH, body=b"hello") + GET, [POSTED, NEXT]),
        (post(UPGRADE, CHUNKED, body=CHUNKS) + GET, [POSTED, NEXT]),
        (post(UPGRADE, LENGTH, b"Expect: 100-continue\r\n", body=b"hello") + GET, [POSTED, NEXT]),
        (post(UPGRADE, b"X-Empty:\r\nX-A: b\t \r\n", LENGTH, body=b"hello") + GET, [POSTED, NEXT]),
        (post(UPGRADE, body=b"") + GET, [("POST", "/first", b""), NEXT]),
        (post(UPGRADE, LENGTH, body=b"hello") * 2 + GET, [POSTED, POSTED, NEXT]),
        (GET.replace(b"\r\n\r\n", b"\r\n" + UPGRADE + b"\r\n") * 2 + GET, [NEXT] * 3),
    ],
    ids=[
        "length",
        "chunked",
        "Upgrade, length",
        "Upgrade, chunked",
        "Upgrade, Expect",
        "Upgrade, odd headers",
        "Upgrade, no body",
        "Upgrade twice",
        "GET with Upgrade",
    ],
)
async def test_every_cut(stream: bytes, expected: list[Seen]) -> None:
    """In one segment, in two cut at any byte, and byte by byte."""
    whole, names, _ = await serve(stream)
    by_cut = [(await serve(stream[:at], stream[at:]))[:2] for at in range(1, len(stream))]
    by_byte, names_by_byte, _ = await serve(*(bytes([byte]) for byte in stream))

    assert expected == whole
    assert [(whole, names)] * len(by_cut) == by_cut
    assert (whole, names) == (by_byte, names_by_byte)


async def test_trailers_are_no_headers() -> None:
    """A proxy checks the headers; trailers cannot add one to them."""
    trailers = b"0\r\nIdempotency-Key: 1\r\nX-Request-ID: 12345678\r\n\r\n"
    requests, names, _ = await serve(post(CHUNKED, body=trailers) + GET)

    assert [("POST", "/first", b""), NEXT] == requests
    assert ["host", "transfer-encoding", "host"] == names


@pytest.mark.parametrize(("version", "says"), [(b"1.1", True), (b"1.0", False)])
async def test_continue(version: bytes, says: bool) -> None:
    """HTTP/1.0 has no 100: its client would take it for the response."""
    request = post(LENGTH, b"Expect: 100-continue\r\n", body=b"").replace(b"1.1", version)
    requests, _, sent = await serve(request, b"", b"hello")

    assert [POSTED] == requests
    assert says is sent.startswith(b"HTTP/1.1 100 ")
