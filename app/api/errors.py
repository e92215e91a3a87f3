"""The one place where errors become HTTP: `application/problem+json` (RFC 9457)."""

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
# Pydantic's messages are constant but for these, which quote the input or count it.
_CONSTANT_DETAILS = {
    "uuid_parsing": "Input should be a UUID.",
    "too_long": "The list has too many items.",
}
REPEATED = "repeated"
"""The code of a parameter that is given twice."""
_NAMED_BY_CLIENT = (REPEATED, "extra_forbidden")
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}", re.ASCII)


class MalformedRequest(ServiceError):
    """This is not HTTP, could be read in more than one way, or is meant for a proxy."""

    status = 400
    code = "malformed_request"


class MalformedBody(ServiceError):
    """The body is not JSON: UTF-8, one value, no key twice in an object."""

    status = 400
    code = "malformed_body"


class RouteNotFound(ServiceError):
    """There is nothing at this path."""

    status = 404
    code = "not_found"


class MethodNotAllowed(ServiceError):
    """This path does not take this method; `Allow` names those it takes."""

    status = 405
    code = "method_not_allowed"


class RequestTimeout(ServiceError):
    """The request did not come in time."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(ServiceError):
    """The body is larger than this service takes."""

    status = 413
    code = "body_too_large"


class UnsupportedMediaType(ServiceError):
    """The body must be sent as `Content-Type: application/json`."""

    status = 415
    code = "unsupported_media_type"


class UnsupportedContentEncoding(ServiceError):
    """The body must be sent as it is: `Content-Encoding` may be `identity` or absent."""

    status = 415
    code = "unsupported_content_encoding"
    headers: ClassVar = {"Accept-Encoding": "identity"}


class InvalidRequest(ServiceError):
    """The request has fields that are missing, unknown or out of range; `errors` names them."""

    status = 422
    code = "invalid_request"


class HeaderFieldsTooLarge(ServiceError):
    """The address and the headers are larger than this service takes."""

    status = 431
    code = "header_fields_too_large"


class InternalError(ServiceError):
    """The service failed; whether anything was written is unknown."""

    status = 500
    code = "internal_error"


class TransferCodingNotSupported(ServiceError):
    """The body must be sent as it is, or with `Transfer-Encoding: chunked` alone."""

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
"""What any request can meet."""
READ_ERRORS = (*ANY_ERRORS, InvalidRequest, DatabaseUnavailable)
"""What any request to the database can meet."""
WRITE_ERRORS = (*READ_ERRORS, StorageFull)
"""What any request that writes can meet."""
BODY_ERRORS = (MalformedBody, UnsupportedMediaType, UnsupportedContentEncoding)
"""What any request with a body can meet besides."""


def problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The errors of a route as FastAPI's `responses`, several of one status joined."""
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
    """An error as its response."""
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
    """An error as its response."""
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


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""

    @app.exception_handler(ServiceError)
    async def on_service_error(request: Request, error: ServiceError) -> Response:
        return error_response(request.state.request_id, error, _fields_at_fault(error))

    @app.exception_handler(RequestValidationError)
    async def on_invalid_request(request: Request, error: RequestValidationError) -> Response:
        entries = error.errors()
        fields = [_field_error(entry) for entry in entries[:MAX_SHOWN_ERRORS]]
        more = len(entries) - len(fields)
        return error_response(request.state.request_id, InvalidRequest, fields, more)

    @app.exception_handler(HTTPException)
    async def on_http_exception(request: Request, error: HTTPException) -> Response:
        known = _BY_STATUS.get(error.status_code, InternalError)
        headers = dict(error.headers or {})
        if known is MethodNotAllowed:
            headers["Allow"] = ", ".join(sorted(_methods(request))) or headers["Allow"]
        return problem_response(
            request.state.request_id,
            error.status_code,
            known.code,
            known.message(),
            headers=headers,
        )


def _methods(request: Request) -> set[str]:
    """What the path of the request takes; the router itself names the methods of one route only."""
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


def _fields_at_fault(error: ServiceError) -> list[FieldError]:
    """What only the database can find wrong with a request, named like all that is."""
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
    """Say what is wrong with a field, without a character of any value that was sent.

    The name of an unknown field is repeated, so that a misspelt one can be found, if it could be a
    field's name at all.
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
