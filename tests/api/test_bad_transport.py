"""Requests that are wrong as bytes: sent over a socket, refused, with nothing written."""

import asyncio

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.problems import read_problem
from tests.support.raw import chunked, exchange, post
from tests.support.server import LiveServer

pytestmark = pytest.mark.usefixtures("unharmed")

BODY = f'{{"description": "{CANARY}"}}'.encode()
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"


async def expect_good_health(server: LiveServer) -> None:
    """The server still reads and writes."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert 200 == (await client.get("/readyz")).status_code
        assert 200 == (await client.patch("/sources/1", json={})).status_code


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/sources", BODY, LENGTH, line_end="\n"),
        post("/sources", BODY, LENGTH).replace(b"test\r\n", b"test\n"),
        post("/sources", BODY, LENGTH, CHUNKED),
        post("/sources", chunked(BODY), LENGTH, CHUNKED),
        post("/sources", chunked(BODY), CHUNKED, LENGTH),
        post("/sources", BODY, LENGTH, f"Content-Length: {len(BODY) + 1}"),
        post("/sources", BODY, f"Content-Length: -{len(BODY)}"),
        post("/sources", BODY, "Content-Length: " + "9" * 5000),
        post("/sources", chunked(BODY).replace(b"\r\n", b"\n"), CHUNKED),
        post("/sources", b"zz\r\n" + BODY, CHUNKED),
        b"GET /leads/\xff HTTP/1.1\r\nHost: test\r\n\r\n",
        b"GET /leads/\x00 HTTP/1.1\r\nHost: test\r\n\r\n",
        b"GET /readyz HTTP/1.1\r\nHost: test\r\nX-A: a\x00b\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: test\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    ],
    ids=[
        "bare line feeds",
        "one bare line feed",
        "length and chunked, plain body",
        "length and chunked",
        "chunked and length",
        "two lengths",
        "negative length",
        "length of 5000 digits",
        "bare line feeds in chunks",
        "chunk without a size",
        "raw byte in the path",
        "NUL in the path",
        "NUL in a header",
        "path of 100 kB",
        "TLS",
    ],
)
async def test_what_is_not_http(server: LiveServer, request_bytes: bytes) -> None:
    """The server itself refuses what two readers could understand differently."""
    response = await exchange(server, request_bytes)
    await expect_good_health(server)

    read_problem(response, 400, "malformed_request")
    assert CANARY not in response.text


async def test_nonsense_behind_a_request(server: LiveServer) -> None:
    """No answer is better than one that reads like the answer to the request before."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n" * 2 + b"nonsense\r\n\r\n")
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    await expect_good_health(server)

    assert b"" == said


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/sources", BODY.ljust(64 * 1024 + 1), f"Content-Length: {64 * 1024 + 1}"),
        post("/sources", chunked(BODY.ljust(64 * 1024 + 1)), CHUNKED),
        post("/sources", BODY, f"Content-Length: {2**63}"),
    ],
    ids=["by length", "in chunks", "announced only"],
)
async def test_body_over_the_limit(server: LiveServer, request_bytes: bytes) -> None:
    """One byte over 64 KiB is refused, announced or not."""
    response = await exchange(server, request_bytes)
    await expect_good_health(server)

    read_problem(response, 413, "body_too_large")
    assert CANARY not in response.text


@pytest.mark.parametrize(
    "headers",
    [
        [f"X-Canary: {CANARY * 105_000}"],
        [f"X-Canary-{number}: {CANARY * 100}" for number in range(40)],
        [f"X-{CANARY * 4000}: 1"],
    ],
    ids=["one of a mebibyte", "many", "long name"],
)
async def test_headers_over_the_limit(server: LiveServer, headers: list[str]) -> None:
    """Headers of more than 32 KiB in sum are refused."""
    response = await exchange(server, post("/sources", BODY, LENGTH, *headers))
    await expect_good_health(server)

    read_problem(response, 431, "header_fields_too_large")
    assert CANARY not in response.text


@pytest.mark.parametrize(
    "endless",
    [
        post("/sources", b"").removesuffix(b"\r\n") + b"X-A: " + b"a" * 2**20,
        post("/sources", b"").removesuffix(b"\r\n") + b"X-A: a\r\n" * 2**17,
        b"POST /" + b"a" * 2**20,
        post("/sources", chunked(BODY).removesuffix(b"\r\n"), CHUNKED) + b"X-A: a\r\n" * 2**17,
        b"\r\n" * 2**19,
    ],
    ids=["header", "headers", "address", "trailers", "blank lines"],
)
async def test_endless_head(server: LiveServer, endless: bytes) -> None:
    """What has no end is refused while it comes."""
    response = await exchange(server, endless)
    await expect_good_health(server)

    read_problem(response, 431, "header_fields_too_large")


async def test_query_over_the_limit(server: LiveServer) -> None:
    """The address counts among the headers."""
    response = await exchange(server, post(f"/sources?{CANARY * 4000}", BODY, LENGTH))
    await expect_good_health(server)

    read_problem(response, 431, "header_fields_too_large")
    assert CANARY not in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/leads/%ff",
        "/leads/%00",
        "/leads/%C0%80/interactions",
        "/interactions/%00/assignments",
        "/stats/sources/%ff",
        "/stats/sources/1?since=%C0%80",
    ],
)
async def test_escaped_bytes_in_the_address(server: LiveServer, path: str) -> None:
    """Bytes that are no text are no UUID, no id and no day."""
    response = await exchange(server, f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    await expect_good_health(server)

    read_problem(response, 422, "invalid_request")


@pytest.mark.parametrize("header", [f"Content-Length: {len(BODY) + 1}", CHUNKED])
async def test_client_that_hangs_up_in_the_body(server: LiveServer, header: str) -> None:
    """Half a request is no request, and no fault of the service either."""
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(post("/sources", BODY if header != CHUNKED else chunked(BODY)[:-5], header))
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    await expect_good_health(server)
