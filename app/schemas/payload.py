"""The body of an inquiry: any JSON value that can be stored and read back unchanged."""

from collections.abc import Iterable
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

MAX_DEPTH = 32
"""Levels of nested arrays and objects."""


def check_payload(value: Any) -> Any:
    """Check that every database and every client can hold a JSON value.

    Raises:
        PydanticCustomError: the value is nested deeper than `MAX_DEPTH`, or has a number that is
            not finite or a string with NUL or an unpaired surrogate.

    """
    items = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = []
        for item in items:
            if isinstance(item, (dict, list)):
                containers.append(item)
            elif isinstance(item, str):
                _check_text(item)
            elif isinstance(item, float) and not isfinite(item):
                raise PydanticCustomError("not_finite", "A number is not finite.")
        if not containers:
            return value
        items = [item for container in containers for item in _items(container)]
    raise PydanticCustomError(
        "too_deep", "The value is nested deeper than {levels} levels.", {"levels": MAX_DEPTH}
    )


def _items(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    if isinstance(container, list):
        return container
    for key in container:
        _check_text(key)
    return container.values()


def _check_text(text: str) -> None:
    if "\0" in text:
        raise PydanticCustomError("nul", "A string contains the character NUL.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError(
                "surrogate", "A string contains an unpaired surrogate."
            ) from None


Payload = Annotated[Any, BeforeValidator(check_payload)]
