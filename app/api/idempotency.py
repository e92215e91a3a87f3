"""The header `Idempotency-Key`, with which a bot can safely retry an inquiry.

Read without FastAPI: as a parameter of a route it took 14 µs of the 130 µs of a request.
"""

import re

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from app.core.limits import MAX_IDEMPOTENCY_KEY_LENGTH

_NAME = "Idempotency-Key"
_PATTERN = rf"^[\x21-\x7e]{{1,{MAX_IDEMPOTENCY_KEY_LENGTH}}}$"
_INVALID_KEY = {
    "type": "string_pattern_mismatch",
    "loc": ("header", _NAME),
    "msg": "Input should be one key of 1 to 255 visible ASCII characters.",
}
_is_key = re.compile(_PATTERN).fullmatch

IDEMPOTENCY_KEY_PARAMETER = {
    "name": _NAME,
    "in": "header",
    "description": "A key that the bot chooses for this inquiry, unique in its source: 1 to 255 "
    "visible ASCII characters.",
    "schema": {"type": "string", "pattern": _PATTERN, "examples": ["update-42"]},
}
"""The header as the OpenAPI document describes it."""

IDEMPOTENT_REPLAYED_HEADER = {
    "description": "`true` if this is the response to an earlier request with the same key.",
    "schema": {"type": "string", "const": "true"},
}
"""The header of a replayed response as the OpenAPI document describes it."""


def read_idempotency_key(request: Request) -> str | None:
    """The key of the request, or None.

    Raises:
        RequestValidationError: there is more than one key, or it is not valid.

    """
    keys = request.headers.getlist(_NAME)
    if not keys:
        return None
    if len(keys) > 1 or not _is_key(keys[0]):
        raise RequestValidationError([_INVALID_KEY])
    return keys[0]
