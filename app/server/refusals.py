"""Error responses that are made without the application."""

from collections.abc import Iterable
from http import HTTPStatus
from secrets import token_hex

from app.api.errors import error_response
from app.core.errors import ServiceError

Headers = Iterable[tuple[bytes, bytes]]


def refusal(error: type[ServiceError], headers: Headers) -> tuple[bytes, str]:
    """The complete response, with `Connection: close`, and its request id."""
    request_id = token_hex(16)
    response = error_response(request_id, error)
    fields = [
        *headers,
        *response.raw_headers,
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    status_line = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n".encode()
    lines = [b"%b: %b\r\n" % field for field in fields]
    return b"".join([status_line, *lines, b"\r\n", bytes(response.body)]), request_id
