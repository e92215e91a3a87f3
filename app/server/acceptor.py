"""Accepts connections on a listening socket, even when file descriptors run out."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from app.core.descriptors import is_out_of_descriptors
from app.core.errors import Busy
from app.server.connections import Connections
from app.server.refusals import refusal

_ACCEPT_BATCH = 16
"""Connections accepted in a row, before open requests and other processes get a turn."""
_RETRY_DELAY = 0.1
"""Seconds before the next attempt if not even one descriptor is free."""


class Acceptor:
    """A replacement for asyncio's server on a listening socket.

    When descriptors run out, asyncio's own server stops accepting for a second, and libuv closes
    the connections that wait to be accepted. This server closes an idle connection instead, or
    answers 503 with a descriptor that it reserves for this purpose.
    """

    def __init__(
        self,
        listener: socket.socket,
        create_protocol: Callable[[], asyncio.Protocol],
        connections: Connections,
    ) -> None:
        self._listener = listener
        self._create_protocol = create_protocol
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()
        self._reserved: int | None = None
        self._is_open = True
        self._reserve_descriptor()
        listener.setblocking(False)
        self._resume()

    async def drain(self) -> None:
        """Accept the connections that are already established, then stop."""
        self.close()
        while self._accept_some():
            pass
        await asyncio.gather(*self._starting)

    def close(self) -> None:
        """Stop accepting connections."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._listener)
            self._release_descriptor()

    async def wait_closed(self) -> None:
        """Return at once: `close` does all the work."""

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listener, self._accept_some)

    def _accept_some(self) -> bool:
        """Accept a batch of connections; return whether more may wait."""
        try:
            for _ in range(_ACCEPT_BATCH):
                client, _address = self._listener.accept()
                self._start(client)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if not is_out_of_descriptors(error):
                raise
            self._handle_no_descriptor()
            return False
        return True

    def _start(self, client: socket.socket) -> None:
        client.setblocking(False)
        task = self._loop.create_task(self._serve(client))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _serve(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._create_protocol, client)
        except OSError:  # The client has already disconnected.
            client.close()

    def _handle_no_descriptor(self) -> None:
        self._connections.out_of_descriptors()
        if self._connections.close_idle():
            return  # The event loop frees its descriptor shortly.
        self._release_descriptor()
        try:
            client, _address = self._listener.accept()
        except OSError:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_RETRY_DELAY, self._resume)
        else:
            _reject(client)
        self._reserve_descriptor()

    def _reserve_descriptor(self) -> None:
        with suppress(OSError):
            self._reserved = os.open(os.devnull, os.O_RDONLY)

    def _release_descriptor(self) -> None:
        if self._reserved is not None:
            os.close(self._reserved)
            self._reserved = None


def _reject(client: socket.socket) -> None:
    """Answer 503 and close the connection."""
    client.setblocking(False)
    answer, _request_id = refusal(Busy, ())
    with client, suppress(OSError):
        client.send(answer)
        client.shutdown(socket.SHUT_WR)
        # Unread data would reset the connection before the client reads the answer.
        client.recv(65536)
