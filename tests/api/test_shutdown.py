"""The shutdown of a server, as seen by a client that connects at the last moment."""

import asyncio
import socket

from fastapi import FastAPI

from app.core.config import Settings
from app.main import create_app
from app.server.serve import Config, Server, listen
from tests.support.kinds import only_sqlite

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


class LastMoment(Server):
    """A server to which a client connects after the last check for new connections."""

    def __init__(self, app: FastAPI, port: int) -> None:
        super().__init__(Config(app, Settings(_env_file=None), lifespan="off"))
        self._port = port

    async def main_loop(self) -> None:
        self.client = socket.create_connection(("127.0.0.1", self._port))
        self.client.sendall(REQUEST)


@only_sqlite
async def test_client_that_has_connected_is_answered(settings: Settings) -> None:
    """The server accepts its connection before it closes the port."""
    app = create_app(settings)
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        async with app.router.lifespan_context(app):
            server = LastMoment(app, port)
            await server._serve([listener])  # noqa: SLF001  # run() handles signals
        with server.client as client:
            client.settimeout(30)
            answer = await asyncio.to_thread(client.makefile("rb").read)

    assert answer.startswith(b"HTTP/1.1 200 ")
