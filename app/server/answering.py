"""Sends the application's response to a client that may disconnect before it has arrived."""

from collections.abc import Awaitable
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Connection(Protocol):
    """The state of a connection that a response depends on."""

    flow: FlowControl
    is_cut_off: bool


class Answering:
    """Wraps the application and raises `ClientDisconnect` once its client has disconnected.

    uvicorn silently drops what the application sends after that. A response counts as sent when at
    most 64 KiB of it, the transport's buffer, remain unsent.
    """

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle, connection: Connection) -> None:
        self._app = app
        self._cycle = cycle
        self._connection = connection

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: each step of every request would pass through it.
        return self._app(scope, receive, self._send)

    async def _send(self, message: Message) -> None:
        cycle, connection = self._cycle, self._connection
        if cycle.disconnected or cycle.transport.is_closing():
            cycle.disconnected = True  # Otherwise uvicorn logs an incomplete response.
            raise ClientDisconnect
        if cycle.waiting_for_100_continue and cycle.more_body:
            # The client may omit the body now: the next bytes could be either body or request.
            cycle.keep_alive = False
        await cycle.send(message)  # type: ignore[arg-type]  # uvicorn has its own type for it
        if connection.flow.write_paused:
            await connection.flow.drain()
        if connection.is_cut_off:
            raise ClientDisconnect
