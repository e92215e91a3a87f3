"""JSON that keeps each number as written where a double would change it."""

import json
import re
from typing import Any

_LONGEST_FLOAT = 24
"""Characters of the longest text that Python writes for a float."""
_MARK = "\ud800"
"""Encloses an exact number during encoding. UTF-8 cannot represent half of a surrogate pair, so no
text that can be stored contains it."""
_marked_number = re.compile(f'"{_MARK}([-+.0-9Ee]+){_MARK}"')


class ExactNumber:
    """A JSON number that Python would write differently: `1.00`, `1e400`, `-0`, 5,000 digits."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def plain(self) -> float:
        """The nearest Python number, which may be infinite."""
        return 0 if self.text == "-0" else float(self.text)


def parse_float(text: str) -> float | ExactNumber:
    """Parse a JSON number with a fraction or an exponent; for a decoder's `parse_float`."""
    if len(text) <= _LONGEST_FLOAT:
        number = float(text)
        if repr(number) == text:
            return number
    return ExactNumber(text)


def parse_int(text: str) -> int | ExactNumber:
    """Parse a JSON integer; for a decoder's `parse_int`. Python reads at most 4,300 digits."""
    if text == "-0":
        return ExactNumber(text)
    try:
        return int(text)
    except ValueError:
        return ExactNumber(text)


def encode_json(value: Any) -> str:
    """Encode a JSON value without white space.

    Members keep their order, and exact numbers keep their text.

    Raises:
        ValueError: a number is not finite.

    """
    return _with_exact_numbers(_encode(value))


def encode_canonical_json(value: Any) -> str:
    """Encode a JSON value as `encode_json`, but with the members of each object sorted by name."""
    return _with_exact_numbers(_encode_sorted(value))


def decode_json(text: str) -> Any:
    """Decode a JSON text; each number becomes the nearest Python number.

    Raises:
        ValueError: the text is not JSON.

    """
    return _decode(text)


def is_json(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        _decode(text)
    except ValueError:
        return False
    return True


def _with_exact_numbers(text: str) -> str:
    return _marked_number.sub(r"\1", text) if _MARK in text else text


def _mark(value: object) -> str:
    if isinstance(value, ExactNumber):
        return f"{_MARK}{value.text}{_MARK}"
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _plain_int(text: str) -> float:
    number = parse_int(text)
    return number.plain() if isinstance(number, ExactNumber) else number


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _encoder(*, sort_keys: bool) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        sort_keys=sort_keys,
        default=_mark,
    )


_encode = _encoder(sort_keys=False).encode
_encode_sorted = _encoder(sort_keys=True).encode
_decode = json.JSONDecoder(parse_int=_plain_int, parse_constant=_refuse).decode
