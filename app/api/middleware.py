"""Middleware of every request, as pure ASGI."""

import logging
import re
import sys
from collections.abc import Awaitable
from secrets import token_hex

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import (
    BodyTooLarge,
    HeaderFieldsTooLarge,
    InternalError,
    error_response,
)
from app.core.descriptors import is_out_of_descriptors
from app.core.errors import DatabaseUnavailable, ServiceError, StartupError
from app.core.startup import is_worker
from app.db.database import Database

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_LENGTH = re.compile(rb"[0-9]{1,19}")
MAX_HEAD_BYTES = 32 * 1024


class RequestIdMiddleware:
    """Gives every request an id, and answers unexpected errors with it.

    The id that a proxy sends in `X-Request-ID` is kept if it is valid.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        proxy_id = _header(scope, b"x-request-id", default=b"")
        request_id = proxy_id if _REQUEST_ID.fullmatch(proxy_id) else token_hex(16).encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            raise
        except Exception as error:
            response_error: type[ServiceError] = InternalError
            if is_out_of_descriptors(error):
                _log.warning("the process has no file descriptor left and cannot open a file")
                response_error = DatabaseUnavailable
            else:
                _log.exception("request failed", extra={"request_id": request_id.decode()})
            if started:
                raise
            await _refuse(response_error, scope, receive, send_with_id)


class HeadMiddleware:
    """Answers HEAD like GET, without the body: FastAPI's routes do not support HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Not a coroutine: each step of every other request would pass through it.
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return self._app(scope, receive, send)
        return self._answer_head(scope, receive, send)

    async def _answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy, as the server reads the method from its own scope when it sends the response.
        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, send_head)
        finally:
            scope.update(as_get, method="HEAD")


class SizeLimitMiddleware:
    """Rejects heads and bodies over a limit; bodies by `Content-Length` or while they arrive.

    httptools does not limit headers, and FastAPI's own `max_body_size` answers in plain text,
    without the error handlers.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _head_size(scope) > MAX_HEAD_BYTES:
            await _refuse(HeaderFieldsTooLarge, scope, receive, send)
            return
        content_length = _header(scope, b"content-length", default=b"0")
        if not _LENGTH.fullmatch(content_length) or int(content_length) > self._max_body_bytes:
            await _refuse(BodyTooLarge, scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise BodyTooLarge
            return message

        await self._app(scope, receive_within_limit, send)


def _header(scope: Scope, wanted: bytes, *, default: bytes) -> bytes:
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value)
    return default


def _head_size(scope: Scope) -> int:
    size = len(scope["path"]) + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value)
    return size


async def _refuse(error: type[ServiceError], scope: Scope, receive: Receive, send: Send) -> None:
    await error_response(scope["state"]["request_id"], error)(scope, receive, send)


class StartupMessageMiddleware:
    """Logs the database in one line at startup, or the error in place of a traceback.

    For servers that start the application themselves, such as `uvicorn app.main:app`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "lifespan":
            return self._app(scope, receive, send)
        return self._start(scope, receive, send)

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_briefly(message: Message) -> None:
            error = sys.exc_info()[1]
            if message["type"] == "lifespan.startup.complete" and not is_worker():
                database: Database = scope["app"].state.database
                new = " (new)" if database.is_new else ""
                _log.info("Database: %s%s.", database.location, new)
            brief = isinstance(error, StartupError | ServiceError)
            if message["type"] == "lifespan.startup.failed" and brief:
                message = {**message, "message": str(error)}
            await send(message)

        await self._app(scope, receive, send_briefly)
