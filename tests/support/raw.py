"""Raw HTTP, for requests that no HTTP client sends."""

import asyncio

import httpx

from tests.support.server import LiveServer


async def exchange(server: LiveServer, request: bytes) -> httpx.Response:
    """The answer to these bytes; fails after a minute without one."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        async with asyncio.timeout(60):
            writer.write(request)
            await writer.drain()
            [answer] = await read_answers(reader, 1)
        return answer
    finally:
        writer.close()
        await writer.wait_closed()


async def read_answers(reader: asyncio.StreamReader, count: int) -> list[httpx.Response]:
    """Read answers with a Content-Length from a connection; fails after a minute."""
    answers = []
    async with asyncio.timeout(60):
        for _ in range(count):
            status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = httpx.Headers(dict(line.split(": ", 1) for line in lines if line))
            body = await reader.readexactly(int(headers["Content-Length"]))
            status = int(status_line.split()[1])
            answers.append(httpx.Response(status, headers=headers, content=body))
    return answers


def post(path: str, body: bytes, *headers: str, line_end: str = "\r\n") -> bytes:
    """A POST request of JSON with these headers; adds no Content-Length."""
    lines = [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: application/json", *headers]
    return "".join(line + line_end for line in [*lines, ""]).encode() + body


def chunked(body: bytes, size: int = 5000) -> bytes:
    """A body in the chunked transfer coding."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
