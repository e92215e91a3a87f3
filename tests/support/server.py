"""The application behind a real socket, in the test's own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from app.server import HTTP_PROTOCOL


@dataclass(frozen=True)
class LiveServer:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address for HTTP clients."""
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def run_server(app: FastAPI) -> AsyncIterator[LiveServer]:
    """Serve on a free loopback port until the block ends."""
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=0, http=HTTP_PROTOCOL, access_log=False, log_config=None
        )
    )
    # Its signal handlers belong to the test runner here.
    serving = asyncio.create_task(server._serve())  # noqa: SLF001  # run() takes the signals
    while not server.started:
        await asyncio.sleep(0.01)
        if serving.done():
            await serving
            raise RuntimeError("the server did not start")
    host, port = server.servers[0].sockets[0].getsockname()
    try:
        yield LiveServer(host, port)
    finally:
        server.should_exit = True
        await serving
