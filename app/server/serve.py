"""Serves the application on a socket."""

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
"""Seconds that open requests have to finish after shutdown begins."""

_MAX_UNSENT = 128 * 1024
"""Bytes of a response that the kernel buffers beyond the client's receive window."""
_BACKLOG = 2048
"""Connections that may wait to be accepted, if the system allows that many."""

_OPTIONS: Final[dict[str, Any]] = {
    "ws": "none",
    # URLs may contain data of leads.
    "access_log": False,
    # uvicorn logs through the service's own log, without messages about start and shutdown.
    "log_config": None,
    "log_level": "warning",
    "server_header": False,
    # The client's address is not used.
    "proxy_headers": False,
    "timeout_graceful_shutdown": GRACE,
}

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


def run_until_signal(coroutine: Coroutine[Any, Any, Result]) -> Result | None:
    """Run a coroutine on the fastest event loop available; Ctrl-C and SIGTERM cancel it.

    Returns:
        The coroutine's result, or None if a signal ended it.

    """
    # asyncio turns SIGINT into a cancellation, so that all resources are closed; but not if the
    # process inherited an ignored SIGINT, as from `… &` in a script.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    loop_factory = uvicorn.Config("", loop="auto", log_config=None).get_loop_factory()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(coroutine)
    except KeyboardInterrupt:
        return None


@asynccontextmanager
async def listening(
    app: FastAPI, host: str, port: int, *, settings: Settings, root_path: str = ""
) -> AsyncIterator[str]:
    """Serve until the block ends, then let open requests finish.

    Args:
        app: the application.
        host: the address to listen on.
        port: the port; 0 picks a free one.
        settings: only those about connections are used.
        root_path: the path under which clients see the application, without a trailing slash.

    Yields:
        The base URL.

    Raises:
        StartupError: the application does not start, or the address cannot be used.

    """
    # Listen first: a start that fails on the port must not create a database.
    with listen(host, port) as listener:
        # The lifespan is entered here because uvicorn would only log its errors.
        async with app.router.lifespan_context(app):
            server = _EmbeddedServer(Config(app, settings, root_path, lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield base_url(listener)
            finally:
                server.should_exit = True
                await serving


class Config(uvicorn.Config):
    """uvicorn's configuration; arguments as for `listening`, and further options of uvicorn."""

    def __init__(
        self, app: FastAPI | str, settings: Settings, root_path: str = "", **options: Any
    ) -> None:
        self.connections = Connections(_connection_limit(settings))
        """The limit applies per process: each process has its own copy."""
        super().__init__(
            app,
            http=_protocol(self.connections),
            timeout_keep_alive=settings.keep_alive,
            root_path=root_path,
            **_OPTIONS,
            **options,
        )


class Server(uvicorn.Server):
    """uvicorn's server with `Acceptor` in place of asyncio's servers."""

    config: Config

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if sys.platform == "win32":  # Its event loop has no `add_reader`.
            await super().startup(sockets)
            return
        await super().startup([])
        self.servers = [
            Acceptor(listener, self._create_protocol, self.config.connections)  # type: ignore[misc]  # has the methods that uvicorn calls
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
    """A server that leaves signals to the caller that runs the event loop."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _protocol(connections: Connections) -> Any:
    if find_spec("httptools") is None:
        # h11 is less strict about headers that proxies read differently.
        return "h11"
    from app.server.deadlines import DeadlineProtocol  # noqa: PLC0415  # needs httptools

    return partial(DeadlineProtocol, connections=connections)


def _connection_limit(settings: Settings) -> int:
    allowed = descriptors_for_connections() or sys.maxsize
    if settings.max_connections == "auto":
        return allowed
    if allowed < settings.max_connections:
        _log.warning(
            "MAX_CONNECTIONS: the limit on file descriptors allows only %d connections", allowed
        )
    return min(allowed, settings.max_connections)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on this address; port 0 picks a free one.

    Raises:
        StartupError: the address cannot be used.

    """
    try:
        [(family, *_, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # `::` means all addresses of both families.
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server(
            address, family=family, backlog=_BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        reason, *_ = str(error.strerror).split(" (")  # Python appends the address in brackets.
        raise StartupError(f"Port {port} of {host} cannot be used: {reason}.") from None
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # Otherwise the kernel buffers megabytes, and a client that reads nothing seems to read.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MAX_UNSENT)
    return listener


def base_url(listener: socket.socket) -> str:
    """The URL at which clients reach the listener."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
