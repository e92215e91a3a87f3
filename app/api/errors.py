"""Turns errors into HTTP responses: `application/problem+json` (RFC 9457)."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.core.errors import DatabaseUnavailable, IdempotencyKeyReused, ServiceError, StorageFull
from app.core.limits import MAX_SHOWN_ERRORS
from app.schemas.problem import FieldError, Problem

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:lead-distribution:problem:"
# These messages of pydantic quote the input or count it; all others are constant.
_CONSTANT_DETAILS = {
    "uuid_parsing": "Input should be a UUID.",
    "too_long": "The list has too many items.",
}
REPEATED = "repeated"
"""The code of a parameter that is given more than once."""
_NAMED_BY_CLIENT = (REPEATED, "extra_forbidden")
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)


class MalformedRequest(ServiceError):
    """The request is not valid HTTP, is ambiguous, or is addressed to a proxy."""

    status = 400
    code = "malformed_request"


class MalformedBody(ServiceError):
    """The body must be one JSON value in UTF-8, without duplicate keys in an object."""

    status = 400
    code = "malformed_body"


class RouteNotFound(ServiceError):
    """There is no resource at this path."""

    status = 404
    code = "not_found"


class MethodNotAllowed(ServiceError):
    """The path does not support this method; `Allow` lists the methods that it supports."""

    status = 405
    code = "method_not_allowed"


class RequestTimeout(ServiceError):
    """The service did not receive the complete request in time."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(ServiceError):
    """The body exceeds the size limit."""

    status = 413
    code = "body_too_large"


class UnsupportedMediaType(ServiceError):
    """The body must be sent as `Content-Type: application/json`."""

    status = 415
    code = "unsupported_media_type"


class UnsupportedContentEncoding(ServiceError):
    """The body must not be compressed: `Content-Encoding` must be `identity` or absent."""

    status = 415
    code = "unsupported_content_encoding"
    headers: ClassVar = {"Accept-Encoding": "identity"}


class InvalidRequest(ServiceError):
    """The request has missing, unknown or invalid fields; `errors` lists them."""

    status = 422
    code = "invalid_request"


class HeaderFieldsTooLarge(ServiceError):
    """The URL and headers together exceed the size limit."""

    status = 431
    code = "header_fields_too_large"


class InternalError(ServiceError):
    """The service failed. Whether anything was written is unknown."""

    status = 500
    code = "internal_error"


class TransferCodingNotSupported(ServiceError):
    """The only supported transfer coding is a single `chunked`."""

    status = 501
    code = "transfer_coding_not_supported"


_BY_STATUS = {error.status: error for error in (RouteNotFound, MethodNotAllowed, BodyTooLarge)}

ANY_ERRORS = (
    MalformedRequest,
    RequestTimeout,
    BodyTooLarge,
    HeaderFieldsTooLarge,
    InternalError,
    TransferCodingNotSupported,
)
"""Errors of every request."""
READ_ERRORS = (*ANY_ERRORS, InvalidRequest, DatabaseUnavailable)
"""Errors of every request that uses the database."""
WRITE_ERRORS = (*READ_ERRORS, StorageFull)
"""Errors of every request that writes."""
BODY_ERRORS = (MalformedBody, UnsupportedMediaType, UnsupportedContentEncoding)
"""Further errors of every request with a body."""


def problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The errors of a route as FastAPI's `responses`; errors with the same status are joined."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in sorted(errors, key=lambda error: error.status):
        line = f"`{error.code}`: {error.message()}"
        response = responses.setdefault(error.status, {"model": Problem, "description": line})
        if line not in response["description"]:
            response["description"] += f"\n\n{line}"
        for name in error.headers:
            header = {"description": f"With `{error.code}`.", "schema": {"type": "string"}}
            response.setdefault("headers", {})[name] = header
    return responses


def problem_response(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    more_errors: int = 0,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response."""
    problem = Problem(
        type=_TYPE_PREFIX + code,
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=list(errors) or None,
        more_errors=more_errors or None,
    )
    return Response(
        to_json(problem, by_alias=True, exclude_none=True),
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def error_response(
    request_id: str,
    error: ServiceError | type[ServiceError],
    errors: Sequence[FieldError] = (),
    more_errors: int = 0,
) -> Response:
    """A service error as a response."""
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return problem_response(
        request_id,
        error.status,
        error.code,
        error.message(),
        errors=errors,
        more_errors=more_errors,
        headers=headers,
    )


def service_error_response(request_id: str, error: ServiceError) -> Response:
    """The response to an error of a service, with the field that only the database could check."""
    return error_response(request_id, error, _service_error_fields(error))


def invalid_request_response(request_id: str, error: RequestValidationError) -> Response:
    """The response to a request with invalid fields; it lists the first of them."""
    entries = error.errors()
    fields = [_field_error(entry) for entry in entries[:MAX_SHOWN_ERRORS]]
    return error_response(request_id, InvalidRequest, fields, len(entries) - len(fields))


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""

    @app.exception_handler(ServiceError)
    async def on_service_error(request: Request, error: ServiceError) -> Response:
        return service_error_response(request.state.request_id, error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(request: Request, error: RequestValidationError) -> Response:
        return invalid_request_response(request.state.request_id, error)

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> Response:
        known = _BY_STATUS.get(error.status_code, InternalError)
        headers = dict(error.headers or {})
        if known is MethodNotAllowed:
            headers["Allow"] = ", ".join(sorted(_allowed_methods(request))) or headers["Allow"]
        return problem_response(
            request.state.request_id,
            error.status_code,
            known.code,
            known.message(),
            headers=headers,
        )


def _allowed_methods(request: Request) -> set[str]:
    """The methods that the path supports; the router itself returns those of one route only."""
    # Within a mount, `root_path` is the mount's.
    root = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    scope = {**request.scope, "root_path": root}
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.matches(scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return methods | {"HEAD"} if "GET" in methods else methods


def _service_error_fields(error: ServiceError) -> list[FieldError]:
    """The fields of an error that only the database can detect."""
    if not isinstance(error, IdempotencyKeyReused):
        return []
    return [
        FieldError(
            location="header",
            pointer="/Idempotency-Key",
            code=error.code,
            detail=error.message(),
        )
    ]


def _field_error(entry: dict[str, Any]) -> FieldError:
    """Describe an invalid field without repeating any value that was sent.

    The name of an unknown field is repeated if it has the form of a field name, so that the client
    can find a misspelling.
    """
    location, *path = entry["loc"]
    if entry["type"] in _NAMED_BY_CLIENT and not _FIELD_NAME.fullmatch(str(path[-1])):
        path.pop()
    return FieldError(
        location=location,
        pointer="".join(f"/{part}" for part in path),
        code=entry["type"],
        detail=_CONSTANT_DETAILS.get(entry["type"], entry["msg"]),
    )
