"""What JSON Schema cannot say about the service's input, said to Schemathesis."""

import re
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

# The format leaves out the rules of domains that exist: `a@b.test` is an e-mail address, too.
schemathesis.openapi.format(
    "email", st.from_regex(r"[A-Za-z0-9]{1,30}@[a-z]{1,20}\.(com|org|de)", fullmatch=True)
)


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Write whole numbers as integers: JSON Schema holds 1.0 to be one, the service does not."""
    return _with_integers(body)


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """Give every valid request a key of its own: under a used one the service refuses another."""
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
