"""Connection timeouts, for clients that send slowly, send too much, or never read."""

import asyncio
from typing import Any

from app.api.access_log import log_refusal
from app.api.errors import HeaderFieldsTooLarge, RequestTimeout
from app.api.middleware import MAX_HEAD_BYTES
from app.core.errors import Busy, ServiceError
from app.server.connections import Connections
from app.server.refusals import refusal
from app.server.strict_protocol import StrictProtocol

_CHECK_INTERVAL = 1
_REQUEST_TIMEOUT = 10 - _CHECK_INTERVAL
"""Seconds in which a request must arrive; with the interval of the check, 10."""
_STALL_TIMEOUT = 30
"""Seconds without progress after which a client is considered not to read its response."""
_LINGER = 2
"""Seconds that a refused client has to read the response."""
_ARRIVAL_TIMEOUT = 1
"""Seconds that a client has at shutdown to finish sending a request."""
_MAX_DISCARDED = 2 * 1024 * 1024
"""Bytes that a refused client may still send."""


class DeadlineProtocol(StrictProtocol):
    """A connection with a deadline for each request.

    A request must be complete within 10 s of connecting, or of its first byte on a kept-alive
    connection. Otherwise the server closes the connection, after a 408 if a part of the request has
    arrived. The time that the service itself takes does not count.
    Heads and trailers over the size limit are refused while they arrive.
    """

    def __init__(self, *args: Any, connections: Connections, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self._deadline: float | None = self.loop.time() + _REQUEST_TIMEOUT
        self._idle_until: float | None = None
        self._buffered = 0
        self._discards_input = False
        self._pending_refusal: type[ServiceError] | None = None
        self._unsent = 0
        self._last_read_at = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # One timer per connection: a timer per request would slow down all requests.
        self._timer = self.loop.call_later(_CHECK_INTERVAL, self._check)
        if not self._connections.admit(self):
            self._refuse(Busy)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._connections.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._buffered += len(data)
        if self._discards_input:
            if self._buffered > _MAX_DISCARDED:
                self.abort()
            return
        if self._deadline is None:
            self._deadline = self.loop.time() + _REQUEST_TIMEOUT
        self._idle_until = None
        self._connections.idle.pop(self, None)
        try:
            self.feed(data)
        except ServiceError as error:
            self._refuse(type(error))
        if self._buffered > MAX_HEAD_BYTES:
            self._refuse(HeaderFieldsTooLarge)

    # The parser buffers heads and trailers: all bytes since the last of these callbacks.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._buffered = 0
        if self._deadline is None:  # It was pipelined behind another request.
            self._deadline = self.loop.time() + _REQUEST_TIMEOUT

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._buffered = 0

    def on_request_complete(self) -> None:
        self._buffered = 0
        self._deadline = None
        if self.cycle.response_complete:
            self._mark_idle()

    def on_all_answered(self) -> None:
        if self._pending_refusal is not None:
            self._answer_and_close(self._pending_refusal)
        elif self._deadline is None:
            self._mark_idle()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._idle_until is not None:
            self._connections.idle[self] = None

    def leave(self) -> None:
        """Close the connection; no response is pending."""
        self._idle_until = None
        self.transport.close()

    def shutdown(self) -> None:
        if self._deadline is None:
            super().shutdown()
        else:  # A client that connected before shutdown may still send its request.
            self.loop.call_later(_ARRIVAL_TIMEOUT, super().shutdown)

    def _mark_idle(self) -> None:
        self._idle_until = self.loop.time() + self.timeout_keep_alive
        if not self.flow.write_paused:
            self._connections.idle[self] = None

    def _check(self) -> None:
        now = self.loop.time()
        self._timer = self.loop.call_later(_CHECK_INTERVAL, self._check)
        if self._is_stalled(now):
            self.abort()
        elif self._idle_until is not None and now > self._idle_until:
            self.leave()
        elif self._deadline is None or now < self._deadline or self._discards_input:
            return
        elif self._waits_for_service():
            self._deadline = now + _REQUEST_TIMEOUT
        else:
            self._discards_input = True
            if self._can_answer() and self.scope is not None:  # Otherwise no request began.
                self._answer(RequestTimeout)
            self.transport.close()

    def _is_stalled(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._last_read_at = now
        self._unsent = unsent
        return now - self._last_read_at > _STALL_TIMEOUT

    def _waits_for_service(self) -> bool:
        """Whether the service, not the client, must act next."""
        return self.flow.read_paused or self._is_answering()

    def _is_answering(self) -> bool:
        if self.cycle is None:
            return False
        received = not self.cycle.more_body and not self.cycle.response_complete
        return received or bool(self.pipeline)

    def _can_answer(self) -> bool:
        """Whether no response is in progress or pending, so that a new one can be sent."""
        if self.cycle is None:
            return True
        in_progress = self.cycle.response_started and self.cycle.more_body
        return not in_progress and not self._is_answering()

    def _refuse(self, error: type[ServiceError]) -> None:
        """Answer with an error and close, after all earlier requests are answered."""
        if self._discards_input or self.transport.is_closing():
            return
        self._discards_input = True
        if self._can_answer():
            self._answer_and_close(error)
        elif self.cycle.more_body:  # The body of a request that is pipelined or answered already.
            self.transport.close()
        else:
            self._pending_refusal = error

    def _answer_and_close(self, error: type[ServiceError]) -> None:
        """Close only after a delay: a client that is still sending would lose the response."""
        self._answer(error)
        self.transport.write_eof()
        self.loop.call_later(_LINGER, self._close_when_sent)

    def _close_when_sent(self) -> None:
        if self.transport.get_write_buffer_size():  # The client is still reading.
            self.loop.call_later(_LINGER, self._close_when_sent)
        else:
            self.abort()

    def _answer(self, error: type[ServiceError]) -> None:
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        answer, request_id = refusal(error, self.server_state.default_headers)
        log_refusal(error.status, request_id)
        self.transport.write(answer)
