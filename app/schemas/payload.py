"""The body of an inquiry: any JSON value that can be stored and read back unchanged."""

from collections.abc import Iterable
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

MAX_DEPTH = 32
"""Arrays and objects within each other."""


def check_payload(value: Any) -> Any:
    """Let a JSON value through that every database and every reader can hold.

    Raises:
        PydanticCustomError: nested deeper than `MAX_DEPTH`, a number that is not finite, or a text
            with NUL or half a surrogate pair.

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
        "too_deep", "More than {levels} levels are nested.", {"levels": MAX_DEPTH}
    )


def _items(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    if isinstance(container, list):
        return container
    for key in container:
        _check_text(key)
    return container.values()


def _check_text(text: str) -> None:
    if "\0" in text:
        raise PydanticCustomError("nul", "A text has the character NUL.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError("surrogate", "A text has half of a surrogate pair.") from None


Payload = Annotated[Any, BeforeValidator(check_payload)]
