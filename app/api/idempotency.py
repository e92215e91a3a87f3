"""The header `Idempotency-Key`: a bot's own name for an inquiry that it may send again.

Read by hand: as a parameter of FastAPI's it took 14 µs of the 130 µs that a request takes here.
"""

import re

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from app.core.limits import MAX_IDEMPOTENCY_KEY_LENGTH

_NAME = "Idempotency-Key"
_PATTERN = rf"^[\x21-\x7e]{{1,{MAX_IDEMPOTENCY_KEY_LENGTH}}}$"
_REFUSAL = {
    "type": "string_pattern_mismatch",
    "loc": ("header", _NAME),
    "msg": "One key, of 1 to 255 visible ASCII characters.",
}
_is_key = re.compile(_PATTERN).fullmatch

IDEMPOTENCY_KEY_PARAMETER = {
    "name": _NAME,
    "in": "header",
    "description": "The bot's own name for this inquiry, unique in its source: 1 to 255 visible "
    "ASCII characters.",
    "schema": {"type": "string", "pattern": _PATTERN, "examples": ["update-42"]},
}
"""The header as the OpenAPI document describes it."""

IDEMPOTENT_REPLAYED_HEADER = {
    "description": "`true` if this is the answer to an earlier request under the same key.",
    "schema": {"type": "string", "const": "true"},
}
"""The header of a repeated answer as the OpenAPI document describes it."""


def read_idempotency_key(request: Request) -> str | None:
    """The key that the request came with, if it came with one.

    Raises:
        RequestValidationError: it is not one key of 1 to 255 visible ASCII characters.

    """
    keys = request.headers.getlist(_NAME)
    if not keys:
        return None
    if len(keys) > 1 or not _is_key(keys[0]):
        raise RequestValidationError([_REFUSAL])
    return keys[0]
