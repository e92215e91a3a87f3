"""Rules for the service's input that JSON Schema cannot express, for Schemathesis."""

import re
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

# The format also allows domains that cannot exist, which the service refuses.
schemathesis.openapi.format(
    "email", st.from_regex(r"[A-Za-z0-9]{1,30}@[a-z]{1,20}\.(com|org|de)", fullmatch=True)
)


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Convert whole numbers to integers: 1.0 is one by JSON Schema, but not by the service."""
    return _with_integers(body)


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Give each valid request a new key: the service refuses another request under a used one."""
    key = case.headers.get("Idempotency-Key")
    if key is not None and re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        case.headers["Idempotency-Key"] = uuid4().hex


def _with_integers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_integers(item) for key, item in value.items()}
    return value
