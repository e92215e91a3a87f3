"""HTTP byte by byte, for requests that no client would send."""

import asyncio

import httpx

from tests.support.server import LiveServer


async def exchange(server: LiveServer, request: bytes) -> httpx.Response:
    """The answer to these bytes; having none in a minute is a failure."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        async with asyncio.timeout(60):
            writer.write(request)
            await writer.drain()
            status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = httpx.Headers(dict(line.split(": ", 1) for line in lines if line))
            body = await reader.readexactly(int(headers["Content-Length"]))
        return httpx.Response(int(status_line.split()[1]), headers=headers, content=body)
    finally:
        writer.close()
        await writer.wait_closed()


def post(path: str, body: bytes, *headers: str, line_end: str = "\r\n") -> bytes:
    """A POST of JSON under these headers; its length is up to them."""
    lines = [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: application/json", *headers]
    return "".join(line + line_end for line in [*lines, ""]).encode() + body


def chunked(body: bytes, size: int = 5000) -> bytes:
    """A body in the chunked transfer coding."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
