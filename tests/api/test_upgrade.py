"""Requests that offer another protocol are served as HTTP/1.1, and so are those behind them."""

import asyncio

import httpx
import pytest

from tests.support.api import Api
from tests.support.kinds import only_sqlite
from tests.support.raw import chunked, exchange, post, read_answers
from tests.support.server import LiveServer

pytestmark = only_sqlite

H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB")
WEBSOCKET = ("Connection: keep-alive, upgrade", "upgrade: WebSocket", "Sec-WebSocket-Version: 13")
TLS = ("Upgrade: TLS/1.0", "Upgrade: anything", "Connection: Upgrade")
NEXT = b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture
async def inquiry(server: LiveServer) -> bytes:
    """The body of a valid inquiry."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        source = await Api(client).create_source()
    return b'{"email": "anna@example.com", "source_id": %d}' % source


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET, TLS], ids=["h2c", "WebSocket", "TLS"])
@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("pause", ["none", "before the body", "within the head", "within the body"])
async def test_body_and_next_request(
    server: LiveServer, inquiry: bytes, offer: tuple[str, ...], coding: str, pause: str
) -> None:
    """Whatever the segments, both inquiries get 201, and the requests behind them 200."""
    if coding == "chunked":
        request = post("/interaction", chunked(inquiry, 7), *offer, "Transfer-Encoding: chunked")
    else:
        request = post("/interaction", inquiry, *offer, f"Content-Length: {len(inquiry)}")
    end_of_head = request.index(b"\r\n\r\n") + 4
    cut = {
        "none": 0,
        "before the body": end_of_head,
        "within the head": end_of_head - 20,
        "within the body": end_of_head + 9,
    }[pause]

    reader, writer = await asyncio.open_connection(server.host, server.port)
    for _ in range(2):
        writer.write(request[:cut])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(request[cut:] + NEXT)
    answers = await read_answers(reader, 4)
    writer.close()
    await writer.wait_closed()

    assert [201, 200] * 2 == [answer.status_code for answer in answers]
    assert {"status": "ok"} == answers[1].json()


async def test_next_request_that_is_none(server: LiveServer, inquiry: bytes) -> None:
    """What follows is parsed as HTTP/1.1, and as nothing else."""
    request = post("/interaction", inquiry, *H2C, f"Content-Length: {len(inquiry)}")

    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(request + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + NEXT)
    answers = await read_answers(reader, 2)
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert [201, 400] == [answer.status_code for answer in answers]
    assert b"" == rest


async def test_get_that_offers(server: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    """A request without a body is served as well, and logs no warning."""
    offer = "".join(f"{line}\r\n" for line in WEBSOCKET)
    answer = await exchange(server, f"GET /healthz HTTP/1.1\r\nHost: test\r\n{offer}\r\n".encode())

    assert 200 == answer.status_code
    assert [] == [record for record in caplog.records if record.levelname != "INFO"]


@pytest.mark.parametrize("target", ["test:443", "/healthz", "http://test/healthz"])
@pytest.mark.parametrize("offer", [(), H2C], ids=["alone", "with h2c"])
async def test_connect(server: LiveServer, target: str, offer: tuple[str, ...]) -> None:
    """Only proxies open tunnels: the request is refused, and nothing behind it is run."""
    head = "\r\n".join([f"CONNECT {target} HTTP/1.1", "Host: test", *offer, "", ""]).encode()

    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(head + NEXT)
    [answer] = await read_answers(reader, 1)
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert 400 == answer.status_code
    assert "close" == answer.headers["Connection"]
    assert b"" == rest
