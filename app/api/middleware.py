"""Middleware of every request, as pure ASGI: its id, limits, log line, and unexpected errors."""

import logging
import re
from collections.abc import Awaitable
from itertools import chain
from secrets import token_hex
from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.access_log import NO_ANSWER, log_request
from app.api.errors import (
    BodyTooLarge,
    HeaderFieldsTooLarge,
    InternalError,
    error_response,
)
from app.core.descriptors import is_out_of_descriptors
from app.core.errors import DatabaseUnavailable, ServiceError
from app.core.logging import Log

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_LENGTH = re.compile(rb"[0-9]{1,19}")
MAX_HEAD_BYTES = 32 * 1024


class RequestMiddleware:
    """Accompanies every request from its head to its log line.

    - Gives it an id. The id that a proxy sends in `X-Request-ID` is kept if it is valid.
    - Rejects heads and bodies over a limit; bodies by `Content-Length` or while they arrive.
      httptools does not limit headers, and FastAPI's own `max_body_size` answers in plain text,
      without the error handlers.
    - Answers HEAD like GET, without the body: FastAPI's routes do not support HEAD.
    - Answers unexpected errors with the id, and logs them with it.
    - Counts and logs it.
    """

    def __init__(self, app: ASGIApp, log: Log, max_body_bytes: int) -> None:
        self._app = app
        self._log = log
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        method = scope["method"]
        exchange = _Exchange(scope, receive, send, self._max_body_bytes)
        if method == "HEAD":
            # A copy, as the server reads the method from its own scope when it sends the response.
            scope = {**scope, "method": "GET"}
        try:
            await self._answer(exchange, scope)
        except ClientDisconnect:
            # The client has disconnected. If the body was incomplete, the request had no effect.
            exchange.status = NO_ANSWER
        finally:
            log_request(
                self._log,
                method,
                scope.get("route"),
                status=exchange.status,
                seconds=perf_counter() - started,
                request_id=exchange.request_id,
            )

    async def _answer(self, exchange: "_Exchange", scope: Scope) -> None:
        refusal: type[ServiceError] | None = exchange.refusal()
        try:
            if refusal is None:
                await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            raise
        except Exception as error:
            refusal = _error_for_client(error, exchange.request_id)
            if exchange.status != NO_ANSWER:  # The response has begun.
                raise
        if refusal is not None:
            response = error_response(exchange.request_id, refusal)
            await response(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_bytes: int) -> None:
        # Of repeated headers the first one counts.
        first = dict(reversed(scope["headers"]))
        proxy_id = first.get(b"x-request-id", b"")
        self._id = proxy_id if _REQUEST_ID.fullmatch(proxy_id) else token_hex(16).encode()
        self.request_id = scope.setdefault("state", {})["request_id"] = self._id.decode()
        self.status = NO_ANSWER
        self._send = send
        self._is_head = scope["method"] == "HEAD"
        self._length = first.get(b"content-length")
        self._head_bytes = len(scope["path"]) + len(scope["query_string"])
        self._head_bytes += sum(map(len, chain.from_iterable(scope["headers"])))
        self._max_body_bytes = max_body_bytes
        # The server sees to it that a body has its announced length, if that is the only one.
        is_counted = self._length is None or b"transfer-encoding" in first
        self.receive = self._within_limit(receive) if is_counted else receive

    def refusal(self) -> type[ServiceError] | None:
        """The error if the head is too large, or announces a body that is."""
        if self._head_bytes > MAX_HEAD_BYTES:
            return HeaderFieldsTooLarge
        length = self._length
        if length is None:
            return None
        too_large = not _LENGTH.fullmatch(length) or int(length) > self._max_body_bytes
        return BodyTooLarge if too_large else None

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the response. Not a coroutine: every response would pass through it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._id)]
        elif self._is_head:
            message = {**message, "body": b""}
        return self._send(message)

    def _within_limit(self, receive: Receive) -> Receive:
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise BodyTooLarge
            return message

        return receive_within_limit


def _error_for_client(error: Exception, request_id: str) -> type[ServiceError]:
    """Log an unexpected error, and return the one that the client receives."""
    if is_out_of_descriptors(error):
        _log.warning("the process has no file descriptor left and cannot open a file")
        return DatabaseUnavailable
    _log.exception("request failed", extra={"request_id": request_id})
    return InternalError
