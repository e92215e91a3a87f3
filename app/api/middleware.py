"""What happens around every request, as pure ASGI."""

import logging
import re
import sys
from secrets import token_hex

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import (
    BodyTooLarge,
    HeaderFieldsTooLarge,
    InternalError,
    domain_error_response,
)
from app.core.errors import StartupError

_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,19}", re.ASCII)
_MAX_HEAD_BYTES = 32 * 1024


class RequestIdMiddleware:
    """Gives every request an id, and every failure an answer that carries it.

    The id of a proxy in front (`X-Request-ID`) is kept if it has the form of one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            # The body never came whole: nothing was done, and nobody is left to answer.
            return
        except Exception:
            _log.exception("request %s failed", request_id)
            if started:
                raise
            await domain_error_response(request_id, InternalError)(scope, receive, send_with_id)


class HeaderLimitMiddleware:
    """Refuses requests whose target and headers are too large in sum; httptools has no limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _head_size(scope) > _MAX_HEAD_BYTES:
            refusal = domain_error_response(scope["state"]["request_id"], HeaderFieldsTooLarge)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _head_size(scope: Scope) -> int:
    target = len(scope["path"]) + len(scope["query_string"])
    return target + sum(len(name) + len(value) for name, value in scope["headers"])


class BodyLimitMiddleware:
    """Refuses bodies over a limit, by their announced length or while they come.

    FastAPI's own `max_body_size` answers in plain text and outside the error handlers.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not _LENGTH.fullmatch(announced) or int(announced) > self._limit:
            refusal = domain_error_response(scope["state"]["request_id"], BodyTooLarge)
            await refusal(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise BodyTooLarge
            return message

        await self._app(scope, receive_within_limit, send)


class StartupMessageMiddleware:
    """Lets the server say in one line why the service does not start, instead of a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_briefly(message: Message) -> None:
            error = sys.exc_info()[1]
            if message["type"] == "lifespan.startup.failed" and isinstance(error, StartupError):
                message = {**message, "message": str(error)}
            await send(message)

        await self._app(scope, receive, send_briefly if scope["type"] == "lifespan" else send)
