"""The application behind a socket, for as long as a block or the process lasts."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final, TypeVar

import uvicorn
from fastapi import FastAPI

from app.core.config import Settings
from app.core.descriptors import descriptors_for_connections
from app.core.errors import StartupError
from app.server.acceptor import Acceptor
from app.server.connections import Connections

GRACE = 10
"""Seconds that requests have to finish once the end is asked for."""

_MAX_UNSENT = 128 * 1024
"""Bytes of an answer that the kernel takes beside those that the client has room for."""
_BACKLOG = 2048
"""Connections that may wait to be accepted, where the system allows as many."""

_OPTIONS: Final[dict[str, Any]] = {
    "ws": "none",
    # URLs hold whatever bots put there.
    "access_log": False,
    # Its messages go where all do, without those of starting and ending.
    "log_config": None,
    "log_level": "warning",
    "server_header": False,
    # The client's address is not used.
    "proxy_headers": False,
    "timeout_graceful_shutdown": GRACE,
}

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


def run_until_signal(story: Coroutine[Any, Any, Result]) -> Result | None:
    """Run on the fastest event loop there is; Ctrl-C and SIGTERM cancel the story.

    Returns:
        What the story returns, or None when a signal ended it.

    """
    # asyncio turns SIGINT into a cancellation, so that everything open is closed; but not where
    # the process inherited that SIGINT be ignored, as from `… &` in a script.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    loop_factory = uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(story)
    except KeyboardInterrupt:
        return None


@asynccontextmanager
async def listening(
    app: FastAPI, host: str, port: int, *, settings: Settings, root_path: str = ""
) -> AsyncIterator[str]:
    """Serve until the block ends, and let open requests finish then.

    Args:
        app: the application.
        host: the address to listen on.
        port: the port; 0 is any free one.
        settings: what they say about connections holds.
        root_path: the path under which clients see the application, without a slash at its end.

    Yields:
        The base URL.

    Raises:
        StartupError: the application does not start, or the address cannot be listened on.

    """
    # First of all the port: a start that fails on it must not have made a database.
    with listen(host, port) as listener:
        # The lifespan is entered here and not by uvicorn, which would only log why it fails.
        async with app.router.lifespan_context(app):
            server = _EmbeddedServer(Config(app, settings, root_path, lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield base_url(listener)
            finally:
                server.should_exit = True
                await serving


class Config(uvicorn.Config):
    """What uvicorn is told; as for `listening`, and what else its configuration takes."""

    def __init__(
        self, app: FastAPI | str, settings: Settings, root_path: str = "", **options: Any
    ) -> None:
        self.connections = Connections(_most_connections(settings))
        """Each process has a bound, and so a copy, of its own."""
        super().__init__(
            app,
            http=_protocol(self.connections),
            timeout_keep_alive=settings.keep_alive,
            root_path=root_path,
            **_OPTIONS,
            **options,
        )


class Server(uvicorn.Server):
    """uvicorn's server, which accepts connections in a way of its own."""

    config: Config

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if sys.platform == "win32":  # Its event loop has no `add_reader`.
            await super().startup(sockets)
            return
        await super().startup([])
        self.servers = [
            Acceptor(listener, self._create_protocol, self.config.connections)  # type: ignore[misc]  # what uvicorn asks of one
            for listener in sockets or []
        ]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            if isinstance(server, Acceptor):
                await server.drain()
        await super().shutdown(sockets)

    def _create_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn itself does
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )


class _EmbeddedServer(Server):
    """Leaves signals to the caller that runs the event loop."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _protocol(connections: Connections) -> Any:
    if find_spec("httptools") is None:
        # Less strict about headers that proxies read differently.
        return "h11"
    from app.server.protocol import DeadlineProtocol  # noqa: PLC0415  # it needs httptools

    return partial(DeadlineProtocol, connections=connections)


def _most_connections(settings: Settings) -> int:
    allowed = descriptors_for_connections() or sys.maxsize
    if settings.max_connections == "auto":
        return allowed
    if allowed < settings.max_connections:
        _log.warning("MAX_CONNECTIONS: the file descriptors allow %d connections only", allowed)
    return min(allowed, settings.max_connections)


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address; port 0 is any free one.

    Raises:
        StartupError: the address cannot be listened on.

    """
    try:
        [(family, *_, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # `::` is every address of both families.
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server(
            address, family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        reason, *_ = str(error.strerror).split(" (")  # Python repeats the address in brackets.
        raise StartupError(f"Port {port} of {host} cannot be used: {reason}.") from None
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # Else the kernel takes megabytes for a client that reads nothing, and looks like one.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT)
    return listener


def base_url(listener: socket.socket) -> str:
    """Where clients find it."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
