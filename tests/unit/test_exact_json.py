"""Numbers of JSON, kept as they were written."""

import json
from typing import Any

import pytest

from app.api.json_body import parse_json
from app.core.exact_json import decode_json, encode_canonical_json, encode_json

PLAIN = ["0", "-1", "1.0", "-0.0", "0.1", "1e+16", "5e-324", "1.7976931348623157e+308", "9" * 4300]
EXACT = [
    "-0",
    "1.00",
    "10.50",
    "1e5",
    "1E+5",
    "1e-400",
    "1E400",
    "-1e400",
    "12345678901234567.89",
    "0.123456789012345678",
    "9" * 5000,
    "0." + "1" * 5000,
]
AROUND = [
    "{}",
    "[{}]",
    '{{"a":{},"b":[{}]}}',
    '["\\\\u0000",{},"\\\\"]',
    '["\\\\ud800",{},"\\"\\\\ud800"]',
    '{{"\\\\ud8001\\\\ud800":{}}}',
    '["\u0416\U0001f600",{}]',
]
"""Texts that resemble the encoder's own marks for numbers."""


@pytest.mark.parametrize("number", [*PLAIN, *EXACT], ids=lambda number: number[:24])
@pytest.mark.parametrize("around", AROUND)
def test_numbers_stay_as_they_were_written(number: str, around: str) -> None:
    """A number keeps its text in any array or object, and between any other values."""
    text = around.replace("{}", number).replace("{{", "{").replace("}}", "}")

    assert text == encode_json(parse_json(text.encode()))


@pytest.mark.parametrize("number", PLAIN, ids=lambda number: number[:24])
def test_what_python_writes_alike_is_plain(number: str) -> None:
    """Most numbers need no exact text."""
    assert type(parse_json(number.encode())) in {int, float}


def test_canonical_text_has_names_in_order() -> None:
    """At every depth, with numbers as they were written."""
    value = parse_json(b'{"b": 1.00, "a": [{"d": 1e5, "c": null}]}')

    assert '{"a":[{"c":null,"d":1e5}],"b":1.00}' == encode_canonical_json(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.00", 1.0), ("-0", 0), ("1e400", float("inf")), ("9" * 5000, float("inf")), ("[7]", [7])],
    ids=lambda value: str(value)[:24],
)
def test_decoded_numbers_are_plain(text: str, value: Any) -> None:
    """Python code gets Python's own numbers."""
    assert value == decode_json(text)
    assert "ExactNumber" not in repr(decode_json(text))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")]])
def test_what_is_no_number_is_not_written(value: Any) -> None:
    """NaN and infinity are not JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json(value)


def test_other_objects_are_not_written() -> None:
    """The standard encoder refuses them as well."""
    with pytest.raises(TypeError, match="set is not a JSON value"):
        encode_json({1})


@pytest.mark.parametrize("value", [None, True, "1.00", [1.5, {"a": -0.0}], {"z": "\u0416\x07"}])
def test_plain_values_are_written_as_before(value: Any) -> None:
    """The shortest text, with the members in their order."""
    assert json.dumps(value, ensure_ascii=False, separators=(",", ":")) == encode_json(value)
