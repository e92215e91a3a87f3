"""Serves the application on a real socket, in the process of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import FastAPI

from app.core.config import Settings
from app.server.serve import listening


@dataclass(frozen=True)
class LiveServer:
    """The address of a running server."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base URL for HTTP clients."""
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def run_server(
    app: FastAPI, settings: Settings | None = None, root_path: str = ""
) -> AsyncIterator[LiveServer]:
    """Serve on a free loopback port until the block ends, with these settings or the defaults."""
    settings = settings or Settings(_env_file=None)
    async with listening(app, "127.0.0.1", 0, settings=settings, root_path=root_path) as url:
        address = urlsplit(url)
        yield LiveServer(address.hostname or "", address.port or 0)
