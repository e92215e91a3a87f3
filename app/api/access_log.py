"""Logs and counts every request, by its route's template: paths may contain client data."""

import logging
from typing import Protocol

from app.core.logging import Log
from app.core.metrics import count_request

NO_ANSWER = 499
"""The status of a request whose client disconnected before the response, as in nginx."""
OTHER = "other"
"""Replaces paths that match no route, and unknown methods."""

_log = logging.getLogger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Route(Protocol):
    """A route of FastAPI, which stores it in the scope of its requests."""

    path_format: str


def log_request(
    log: Log, method: str, route: Route | None, *, status: int, seconds: float, request_id: str
) -> None:
    """Count and log a request."""
    method = method if method in _METHODS else OTHER
    template = OTHER if route is None else route.path_format
    count_request(template, method, status, seconds)
    log.request(method, template, status, round(seconds * 1000, 1), request_id)


def log_refusal(status: int, request_id: str) -> None:
    """Count and log a request that was refused before it was parsed."""
    count_request(OTHER, OTHER, status, 0)
    fields = {"method": OTHER, "route": OTHER, "status": status, "request_id": request_id}
    _log.info("request", extra=fields)
