"""A connection, for clients that send slowly, endlessly, or never read."""

import asyncio
from typing import Any

from app.api.connections import Connections
from app.api.errors import HeaderFieldsTooLarge, RequestTimeout
from app.api.middleware import MAX_HEAD_BYTES
from app.api.refusals import refusal
from app.api.strict_protocol import StrictProtocol
from app.api.watching import watch_refusal
from app.core.errors import Busy, DomainError

_WATCH_INTERVAL = 1
_REQUEST_TIMEOUT = 10 - _WATCH_INTERVAL
"""Seconds that a request may take to come; noticed in time to close it within 10."""
_STALL_TIMEOUT = 30
"""Seconds in which the client takes no byte of the answer, before its connection is closed."""
_LINGER = 2
"""Seconds that a refused client has to read why."""
_ARRIVAL = 1
"""Seconds that a request which is on its way has to arrive, once the end is asked for."""
_MOST_DISCARDED = 2 * 1024 * 1024
"""Bytes that a refused client may still be sending."""


class PatientProtocol(StrictProtocol):
    """A connection that closes when its client is too slow.

    A request must be complete 10 s after the connection was made, or after its first byte on a
    connection that was kept alive: else it is answered with 408. However long the service itself
    takes does not count. Heads and trailers over the limit are refused while they come.
    """

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self._due: float | None = self.loop.time() + _REQUEST_TIMEOUT
        self._idle_until: float | None = None
        self._undigested = 0
        self._given_up = False
        self._refusal: type[DomainError] | None = None
        self._unsent = 0
        self._taken_at = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # One timer a connection: one a request would cost the many who are quick.
        self._watching = self.loop.call_later(_WATCH_INTERVAL, self._watch)
        if not self._connections.admit(self):
            self._refuse(Busy)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watching.cancel()
        self._connections.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._undigested += len(data)
        if self._given_up:
            if self._undigested > _MOST_DISCARDED:
                self.abort()
            return
        if self._due is None:
            self._due = self.loop.time() + _REQUEST_TIMEOUT
        self._idle_until = None
        self._connections.idle.pop(self, None)
        try:
            self.feed(data)
        except DomainError as error:
            self._refuse(type(error))
        if self._undigested > MAX_HEAD_BYTES:
            self._refuse(HeaderFieldsTooLarge)

    # What the parser holds on to, heads and trailers, is what it was fed since the last of these.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._undigested = 0
        if self._due is None:  # It came right behind another one.
            self._due = self.loop.time() + _REQUEST_TIMEOUT

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._undigested = 0

    def on_request_complete(self) -> None:
        self._undigested = 0
        self._due = None
        if self.cycle.response_complete:
            self._rest()

    def on_all_answered(self) -> None:
        if self._refusal is not None:
            self._hang_up(self._refusal)
        elif self._due is None:
            self._rest()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._idle_until is not None:
            self._connections.idle[self] = None

    def leave(self) -> None:
        """Close the connection, as nothing is owed to the client."""
        self._idle_until = None
        self.transport.close()

    def shutdown(self) -> None:
        if self._due is None:
            super().shutdown()
        else:  # Who has connected already is served: it may be the last to know of the end.
            self.loop.call_later(_ARRIVAL, super().shutdown)

    def _rest(self) -> None:
        self._idle_until = self.loop.time() + self.timeout_keep_alive
        if not self.flow.write_paused:
            self._connections.idle[self] = None

    def _watch(self) -> None:
        now = self.loop.time()
        self._watching = self.loop.call_later(_WATCH_INTERVAL, self._watch)
        if self._is_stalled(now):
            self.abort()
        elif self._idle_until is not None and now > self._idle_until:
            self.leave()
        elif self._due is None or now < self._due or self._given_up:
            return
        elif self._is_our_turn():
            self._due = now + _REQUEST_TIMEOUT
        else:
            self._given_up = True
            if self._can_answer() and self.scope is not None:  # Else nothing was asked.
                self._answer(RequestTimeout)
            self.transport.close()

    def _is_stalled(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._taken_at = now
        self._unsent = unsent
        return now - self._taken_at > _STALL_TIMEOUT

    def _is_our_turn(self) -> bool:
        """Whether the client cannot go on, or need not, before the service has."""
        return self.flow.read_paused or self._is_answering()

    def _is_answering(self) -> bool:
        if self.cycle is None:
            return False
        received = not self.cycle.more_body and not self.cycle.response_complete
        return received or bool(self.pipeline)

    def _can_answer(self) -> bool:
        """Whether no answer has begun or is owed, to what is coming in or to what came before."""
        if self.cycle is None:
            return True
        begun = self.cycle.response_started and self.cycle.more_body
        return not begun and not self._is_answering()

    def _refuse(self, error: type[DomainError]) -> None:
        """Answer and hang up, when all that came before it is answered."""
        if self._given_up or self.transport.is_closing():
            return
        self._given_up = True
        if self._can_answer():
            self._hang_up(error)
        elif self.cycle.more_body:  # Part of a request that waits, or that is answered already.
            self.transport.close()
        else:
            self._refusal = error

    def _hang_up(self, error: type[DomainError]) -> None:
        """Not on a client that is still sending: it would read nothing."""
        self._answer(error)
        self.transport.write_eof()
        self.loop.call_later(_LINGER, self._end)

    def _end(self) -> None:
        if self.transport.get_write_buffer_size():  # It reads, however slowly.
            self.loop.call_later(_LINGER, self._end)
        else:
            self.abort()

    def _answer(self, error: type[DomainError]) -> None:
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        answer, request_id = refusal(error, self.server_state.default_headers)
        watch_refusal(error.status, request_id)
        self.transport.write(answer)
