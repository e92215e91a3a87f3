"""Takes connections from a listening socket, also when file descriptors run out."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from app.core.descriptors import is_out_of_descriptors
from app.core.errors import Busy
from app.server.connections import Connections
from app.server.refusals import refusal

_AT_ONCE = 16
"""Connections that are taken before others have their turn: other processes, and open requests."""
_PAUSE = 0.1
"""Seconds until it is tried again, where not even one descriptor can be found."""


class Acceptor:
    """A server of asyncio's kind on a listening socket.

    asyncio's own stops for a second when descriptors run out, and libuv closes whatever waits to be
    accepted. This one closes an idle connection then, or answers 503 by the descriptor that it
    keeps for that.
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
        self._arriving: set[asyncio.Task[None]] = set()
        self._spare: int | None = None
        self._is_open = True
        self._keep_spare()
        listener.setblocking(False)
        self._resume()

    async def drain(self) -> None:
        """Take what has connected already, and nothing after it."""
        self.close()
        while self._accept_some():
            pass
        await asyncio.gather(*self._arriving)

    def close(self) -> None:
        """Accept nothing more."""
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._listener)
            self._drop_spare()

    async def wait_closed(self) -> None:
        """Nothing: it is."""

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listener, self._accept_some)

    def _accept_some(self) -> bool:
        """Whether there may be more."""
        try:
            for _ in range(_AT_ONCE):
                client, _address = self._listener.accept()
                self._take(client)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if not is_out_of_descriptors(error):
                raise
            self._do_without_descriptor()
            return False
        return True

    def _take(self, client: socket.socket) -> None:
        client.setblocking(False)
        task = self._loop.create_task(self._serve(client))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _serve(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._create_protocol, client)
        except OSError:  # It has gone already.
            client.close()

    def _do_without_descriptor(self) -> None:
        self._connections.out_of_descriptors()
        if self._connections.close_idle():
            return  # Its descriptor is free in a moment.
        self._drop_spare()
        try:
            client, _address = self._listener.accept()
        except OSError:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_PAUSE, self._resume)
        else:
            _turn_away(client)
        self._keep_spare()

    def _keep_spare(self) -> None:
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)

    def _drop_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None


def _turn_away(client: socket.socket) -> None:
    """Answer 503 at once, and keep nothing for it."""
    client.setblocking(False)
    answer, _request_id = refusal(Busy, ())
    with client, suppress(OSError):
        client.send(answer)
        client.shutdown(socket.SHUT_WR)
        # What is left unread would reset the connection, and the answer be lost.
        client.recv(65536)
