"""The application behind a socket, for as long as a block or the process lasts."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec
from typing import Any, Final, TypeVar

import uvicorn
from fastapi import FastAPI

from app.core.errors import StartupError

GRACE = 10
"""Seconds that requests have to finish once the end is asked for."""

HTTP_PROTOCOL = "app.api.protocol:PatientProtocol"
"""Imported by uvicorn, and only where httptools exists."""

UVICORN_OPTIONS: Final[dict[str, Any]] = {
    # Stricter than h11 about headers that proxies read differently.
    "http": HTTP_PROTOCOL if find_spec("httptools") else "h11",
    "ws": "none",
    # URLs hold whatever bots put there.
    "access_log": False,
    # Its messages go where all do, without those of starting and ending.
    "log_config": None,
    "log_level": "warning",
    "server_header": False,
    # Nobody asks for the client's address.
    "proxy_headers": False,
    "timeout_graceful_shutdown": GRACE,
}

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
async def listening(app: FastAPI, host: str, port: int) -> AsyncIterator[str]:
    """Serve until the block ends, and let open requests finish then. Port 0 is any free one.

    Yields:
        The base URL.

    Raises:
        StartupError: the application does not start, or the address cannot be listened on.

    """
    # First of all the port: a start that fails on it shall not have made a database.
    with listen(host, port) as listener:
        # The lifespan is entered here and not by uvicorn, which would only log why it fails.
        async with app.router.lifespan_context(app):
            server = _Server(uvicorn.Config(app, lifespan="off", **UVICORN_OPTIONS))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield base_url(listener)
            finally:
                server.should_exit = True
                await serving


class Server(uvicorn.Server):
    """uvicorn's server, which cuts off no client that has connected before the end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        # Nothing runs between these two: the kernel resets what is connected and not taken up.
        waiting = [client for listener in sockets or [] for client in _accept_all(listener)]
        for server in self.servers:
            server.close()
        for client in waiting:
            await loop.connect_accepted_socket(self._new_protocol, client)
        await super().shutdown(sockets)

    def _new_protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn has it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


def _accept_all(listener: socket.socket) -> Iterator[socket.socket]:
    with suppress(OSError):  # There are no more, as a rule.
        while True:
            yield listener.accept()[0]


class _Server(Server):
    """Leaves signals to whoever runs the event loop."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket at this address; port 0 is any free one.

    Raises:
        StartupError: the address cannot be listened on.

    """
    try:
        [(family, *_, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        return socket.create_server(address, family=family)
    except OSError as error:
        reason, *_ = str(error.strerror).split(" (")  # Python repeats the address in brackets.
        raise StartupError(f"Port {port} of {host} cannot be used: {reason}.") from None


def base_url(listener: socket.socket) -> str:
    """Where clients find it."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
