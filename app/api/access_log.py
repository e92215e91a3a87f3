"""Logs and counts every request."""

import logging
from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.core.metrics import count_request

NO_ANSWER = 499
"""The status of a request whose client disconnected before the response, as in nginx."""
OTHER = "other"
"""Replaces paths that match no route, and unknown methods."""

_log = logging.getLogger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AccessLogMiddleware:
    """Counts and logs each request by its route's template: paths may contain client data."""

    def __init__(self, app: ASGIApp, log: FilteringBoundLogger) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = NO_ANSWER
        started = perf_counter()

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        except ClientDisconnect:
            # The client has disconnected. If the body was incomplete, the request had no effect.
            status = NO_ANSWER
        finally:
            seconds = perf_counter() - started
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            route = scope["route"].path_format if "route" in scope else OTHER
            count_request(route, method, status, seconds)
            self._log.info(
                "request",
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
                request_id=scope["state"]["request_id"],
            )


def log_refusal(status: int, request_id: str) -> None:
    """Count and log a request that was refused before it was parsed."""
    count_request(OTHER, OTHER, status, 0)
    fields = {"method": OTHER, "route": OTHER, "status": status, "request_id": request_id}
    _log.info("request", extra=fields)
