"""The application's answer on its way to a client, who may go before it has it."""

from collections.abc import Awaitable
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Connection(Protocol):
    """What must be known of the one that the answer goes out on."""

    flow: FlowControl
    is_cut_off: bool


class Answering:
    """The application, told when its client has gone; uvicorn drops in silence what it sends then.

    An answer counts as sent when no more of it waits than the transport holds at any time, 64 KiB.
    """

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle, connection: Connection) -> None:
        self._app = app
        self._cycle = cycle
        self._connection = connection

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine of its own: it would be one more to go through at each step.
        return self._app(scope, receive, self._send)

    async def _send(self, message: Message) -> None:
        cycle, connection = self._cycle, self._connection
        if cycle.disconnected or cycle.transport.is_closing():
            cycle.disconnected = True  # Else uvicorn misses the rest of the answer.
            raise ClientDisconnect
        if cycle.waiting_for_100_continue and cycle.more_body:
            # The client need not send the body any more: it could not be told from a request.
            cycle.keep_alive = False
        await cycle.send(message)  # type: ignore[arg-type]  # uvicorn's own type of the same
        if connection.flow.write_paused:
            await connection.flow.drain()
        if connection.is_cut_off:
            raise ClientDisconnect
