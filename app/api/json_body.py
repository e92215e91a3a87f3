"""Strict parsing of requests: JSON by RFC 8259, without duplicate keys or parameters."""

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from app.api.errors import (
    REPEATED,
    MalformedBody,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from app.core.exact_json import parse_float, parse_int

_is_json_suffix_type = re.compile(r"application/[!#$%&'*+.^_`|~\w-]+\+json", re.ASCII).fullmatch


Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class JSONRoute(APIRoute):
    """A route whose body and query are parsed strictly.

    FastAPI itself accepts other encodings and duplicate keys, passes a body of another content type
    as bytes, and uses the last value of a repeated parameter.
    """

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()
        if self.dependant.query_params:
            handle = _with_distinct_parameters(handle)
        return handle if self.body_field is None else _with_strict_json(handle)


def _with_distinct_parameters(handle: Handle) -> Handle:
    async def handle_distinct(request: Request) -> Response:
        parameters = request.query_params.multi_items()
        if len(parameters) > len(request.query_params):
            raise RequestValidationError(_repeated(name for name, _ in parameters))
        return await handle(request)

    return handle_distinct


def _repeated(names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"type": REPEATED, "loc": ("query", name), "msg": "This parameter can be given only once."}
        for name, times in Counter(names).items()
        if times > 1
    ]


def _with_strict_json(handle: Handle) -> Handle:
    async def handle_json(request: Request) -> Response:
        request = _JSONRequest(request.scope, request.receive)
        if await request.body():
            if "content-encoding" in request.headers:
                _require_identity(request.headers.getlist("content-encoding"))
            _require_json(request.headers.get("content-type", ""))
            await request.json()
        return await handle(request)

    return handle_json


class _JSONRequest(Request):
    """A request that parses its body once."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


def parse_json(body: bytes) -> Any:
    """The value of a JSON text; a leading byte order mark is ignored (RFC 8259, section 8.1).

    A number that Python would format differently becomes an `ExactNumber`, which only a payload
    accepts. NaN and infinities are parsed so that the error can name their field; no schema accepts
    them.

    Raises:
        MalformedBody: the body is not UTF-8, not JSON, has a duplicate key in an object, or is
            nested too deeply for the parser.

    """
    try:
        return _decode(body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        # Not chained: the parser's error contains the body.
        raise MalformedBody from None


def _object_of_distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedBody
    return result


_decode = json.JSONDecoder(
    object_pairs_hook=_object_of_distinct_keys, parse_float=parse_float, parse_int=parse_int
).decode


def _require_json(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not _is_json_suffix_type(media_type):
        raise UnsupportedMediaType


def _require_identity(content_encodings: Iterable[str]) -> None:
    codings = ",".join(content_encodings).lower().split(",")
    if not {coding.strip() for coding in codings} <= {"", "identity"}:
        raise UnsupportedContentEncoding
