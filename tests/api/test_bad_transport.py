"""Requests that are malformed as bytes: refused over a socket, with nothing written."""

import asyncio

import httpx
import pytest

from tests.api.conftest import CANARY
from tests.support.problems import read_problem
from tests.support.raw import chunked, exchange, post, read_answers
from tests.support.server import LiveServer

pytestmark = [pytest.mark.both_ways, pytest.mark.usefixtures("unharmed")]

BODY = f'{{"description": "{CANARY}"}}'.encode()
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"


async def expect_good_health(server: LiveServer) -> None:
    """Check that the server still reads and writes."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert 200 == (await client.get("/readyz")).status_code
        assert 200 == (await client.patch("/sources/1", json={})).status_code


async def expect_refusal(server: LiveServer, request: bytes, status: int, code: str) -> None:
    """Check that the request is refused and the connection closed, so what follows is not run."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(request + post("/sources", BODY, LENGTH))
    [answer] = await read_answers(reader, 1)
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()
    await expect_good_health(server)

    read_problem(answer, status, code)
    assert "close" == answer.headers["Connection"]
    assert b"" == rest


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
async def test_malformed_http(server: LiveServer, request_bytes: bytes) -> None:
    """The server itself refuses what two servers could parse differently."""
    response = await exchange(server, request_bytes)
    await expect_good_health(server)

    read_problem(response, 400, "malformed_request")
    assert CANARY not in response.text


@pytest.mark.parametrize(
    "lines",
    [
        ["POST /sources HTTP/1.1"],
        ["POST /sources HTTP/1.1", "Host: test", "Host: test"],
        ["POST /sources HTTP/1.1", "Host: test", "host: other"],
        ["POST /sources HTTP/1.0", "Host: test", "Host: test"],
        ["POST /sources HTTP/1.1", "Host: test other"],
        ["POST /sources HTTP/1.1", "Host: user@test/path"],
        ["POST /sources HTTP/1.1", "Host: test:port"],
        ["POST /sources"],
        ["POST /sources HTTP/0.9", "Host: test"],
        ["POST /sources HTTP/2.0", "Host: test"],
        ["POST /sources HTTP/1.0", CHUNKED],
        ["POST /sources HTTP/1.0", "Host: test", "Transfer-Encoding: gzip"],
        ["POST /sources HTTP/1.1", "Host: test", "Transfer-Encoding: gzip", LENGTH],
        ["POST /sources HTTP/1.1", "Host: test", "Transfer-Encoding:"],
        ["POST /sources HTTP/1.1", "Host: test", "Transfer-Encoding : chunked"],
        ["POST /sources HTTP/1.1", "Host: test", "Transfer-Encoding:", " chunked"],
    ],
    ids=" | ".join,
)
async def test_ambiguous_host_or_length(server: LiveServer, lines: list[str]) -> None:
    """A proxy could take such a request for another host's, or for two requests."""
    head = "".join(f"{line}\r\n" for line in [*lines, "Content-Type: application/json", ""])
    await expect_refusal(server, head.encode() + chunked(BODY), 400, "malformed_request")


@pytest.mark.parametrize(
    "codings",
    [
        ["gzip, chunked"],
        ["chunked, gzip"],
        ["gzip"],
        ["identity"],
        ["Identity, chunked"],
        ["chunked, identity"],
        ["chunked, chunked"],
        ["chunked", "chunked"],
        ["gzip", "chunked"],
        ["chunked", "identity"],
        ["xchunked"],
        ['"chunked"'],
        ["chunked;q=1"],
        ["chunked\t"],
        ["chunked \t"],
        ["chunked,"],
        [",chunked"],
    ],
    ids=" | ".join,
)
async def test_other_transfer_coding(server: LiveServer, codings: list[str]) -> None:
    """Only a single `chunked` is supported."""
    headers = [f"Transfer-Encoding: {coding}" for coding in codings]
    request = post("/sources", chunked(BODY), *headers)
    await expect_refusal(server, request, 501, "transfer_coding_not_supported")


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/sources/2", b"", "Transfer-Encoding: \tCHUNKED  ") + b"0\r\n\r\n",
        b"GET /sources/2 HTTP/1.0\r\n\r\n",
        b"GET /sources/2 HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET /sources/2 HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n",
        b"GET /sources/2 HTTP/1.1\r\nHost: leads_api.example.com:80\r\n\r\n",
        b"GET http://test/sources/2 HTTP/1.1\r\nHost: test\r\n\r\n",
    ],
    ids=["odd case", "HTTP/1.0", "empty host", "IPv6", "underscore", "absolute address"],
)
async def test_unusual_request(server: LiveServer, request_bytes: bytes) -> None:
    """Unusual requests reach the application, which has no such source, or no such POST."""
    answer = await exchange(server, request_bytes)

    assert answer.status_code in (404, 405)


@pytest.mark.parametrize(
    ("path", "length", "status"), [("/sources", 64 * 1024 + 1, 413), ("/sources/2", 60, 405)]
)
async def test_answer_before_the_body(
    server: LiveServer, path: str, length: int, status: int
) -> None:
    """Answered before `100 Continue`, a client may omit the body, so the connection is closed."""
    expecting = post(path, b"", f"Content-Length: {length}", "Expect: 100-continue")
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(expecting)
    [answer] = await read_answers(reader, 1)
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert status == answer.status_code
    assert "close" == answer.headers["Connection"]
    assert b"" == rest


async def test_malformed_request_after_others(server: LiveServer) -> None:
    """The requests before it are answered first, in order."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n" * 2 + b"nonsense\r\n\r\n")
    answers = await read_answers(reader, 3)
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()
    await expect_good_health(server)

    assert [200, 200, 400] == [answer.status_code for answer in answers]
    assert b"" == rest


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
    """One byte over 64 KiB is refused, whether the length is announced or not."""
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
    """Headers of more than 32 KiB in total are refused."""
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
    """It is refused while it arrives."""
    response = await exchange(server, endless)
    await expect_good_health(server)

    read_problem(response, 431, "header_fields_too_large")


async def test_query_over_the_limit(server: LiveServer) -> None:
    """The request target counts towards the limit of the headers."""
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
    """Bytes that are not text are no valid UUID, id or day."""
    response = await exchange(server, f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    await expect_good_health(server)

    read_problem(response, 422, "invalid_request")


@pytest.mark.parametrize("header", [f"Content-Length: {len(BODY) + 1}", CHUNKED])
async def test_client_that_disconnects_in_the_body(server: LiveServer, header: str) -> None:
    """The service drops the incomplete request and stays healthy."""
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(post("/sources", BODY if header != CHUNKED else chunked(BODY)[:-5], header))
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    await expect_good_health(server)
