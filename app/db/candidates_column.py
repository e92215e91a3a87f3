"""How an assignment's candidates are stored: a hundred take about 1 KB.

Up to `FEW` candidates are stored as JSON. More are stored by column: each field is a column of
integers with a minimum and a span, the number of values from the minimum to the maximum. A row
becomes one number: its digits are the values minus the minimums, each in the base of its column's
span. Several rows are combined into one number in the same way. So a value that all candidates
share takes no space, and the others take little more than necessary.
"""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from itertools import accumulate, pairwise
from math import prod
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

from app.core.credits import INQUIRY
from app.core.distribution import CandidateSnapshot, PassedOver

FEW = 16
"""Maximum number of candidates that are stored as JSON, which is faster and then at most 1 KB."""

_JSON, _COLUMNS = b"\x01", b"\x02"
"""The first byte of the stored form. Before migration 0004 it was JSON without this byte, and
credits were in units of weight."""

_MILLION = 1_000_000
_MILLIONTHS = _MILLION / INQUIRY
_ROWS = 32
_REASONS: list[PassedOver | None] = [None, "inactive", "at_limit", "zero_weight"]
_CODES = {reason: code for code, reason in enumerate(_REASONS)}
_json = TypeAdapter(list[CandidateSnapshot])


class Candidates(TypeDecorator[Sequence[CandidateSnapshot]]):
    """Candidates by operator id, as bytes; with more than `FEW`, credits have six decimals."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(
        self, value: Sequence[CandidateSnapshot] | None, dialect: Dialect
    ) -> Any:
        return None if value is None else encode(value)

    def process_result_value(
        self, value: Any, dialect: Dialect
    ) -> Sequence[CandidateSnapshot] | None:
        return None if value is None else decode(value)


def encode(candidates: Sequence[CandidateSnapshot]) -> bytes:
    """Encode candidates, which are in ascending order of their ids."""
    if len(candidates) <= FEW:
        return _JSON + _json.dump_json(candidates)  # type: ignore[arg-type]  # any sequence works
    ids, weights, credits, loads, limits, reasons = zip(*candidates, strict=True)
    return b"".join(
        (
            _COLUMNS,
            _encode_int(len(ids)),
            _pack_settings(ids, weights, limits),
            _pack(
                [round(credit * _MILLIONTHS) for credit in credits],
                _shifted(loads),
                [_CODES[reason] for reason in reasons],
            ),
        )
    )


def decode(stored: bytes) -> list[CandidateSnapshot]:
    """Decode stored candidates."""
    if stored.startswith(_COLUMNS):
        return _from_columns(BytesIO(stored[1:]))
    if stored.startswith(_JSON):
        return _json.validate_json(stored[1:])
    candidates = _json.validate_json(stored)
    total = sum(candidate.weight for candidate in candidates if candidate.passed_over is None)
    total = total or sum(candidate.weight for candidate in candidates) or 1
    return [
        candidate._replace(credit=INQUIRY * candidate.credit // total) for candidate in candidates
    ]


def _from_columns(stored: BytesIO) -> list[CandidateSnapshot]:
    count = _read_int(stored)
    steps, weights, limits = _unpack(stored, count, columns=3)
    credits, loads, codes = _unpack(stored, count, columns=3)
    fields = zip(accumulate(steps), weights, credits, loads, limits, codes, strict=True)
    return [
        CandidateSnapshot(
            id,
            weight,
            credit * INQUIRY // _MILLION,
            load - 1 if load else None,
            limit - 1 if limit else None,
            _REASONS[code],
        )
        for id, weight, credit, load, limit, code in fields
    ]


@lru_cache(maxsize=64)
def _pack_settings(
    ids: tuple[int, ...], weights: tuple[int, ...], limits: tuple[int | None, ...]
) -> bytes:
    """Pack the fields that are usually the same in the next choice."""
    steps = [ids[0], *(id - before for before, id in pairwise(ids))]
    return _pack(steps, weights, _shifted(limits))


def _shifted(values: Sequence[int | None]) -> list[int]:
    """Add one to each value, so that 0 can represent None."""
    return [0 if value is None else value + 1 for value in values]


def _pack(*columns: Sequence[int]) -> bytes:
    """Pack columns, with the minimum and the span of each in front."""
    head, rows, base = [], [0] * len(columns[0]), 1
    for column in columns:
        minimum = min(column)
        span = max(column) - minimum + 1
        head += [_encode_int(minimum), _encode_int(span)]
        base *= span
        if span > 1:
            rows = [row * span + value - minimum for row, value in zip(rows, column, strict=True)]
    packed = []
    for start in range(0, len(rows), _ROWS):
        number = 0
        chunk = rows[start : start + _ROWS]
        for row in chunk:
            number = number * base + row
        packed.append(number.to_bytes(_width(base, len(chunk))))
    return b"".join(head + packed)


def _unpack(stored: BytesIO, count: int, *, columns: int) -> list[list[int]]:
    heads = [(_read_int(stored), _read_int(stored)) for _ in range(columns)]
    base = prod(span for _, span in heads)
    rows: list[int] = []
    for start in range(0, count, _ROWS):
        size = min(_ROWS, count - start)
        number = int.from_bytes(stored.read(_width(base, size)))
        digits = []
        for _ in range(size):
            number, row = divmod(number, base)
            digits.append(row)
        rows += reversed(digits)
    values = []
    for minimum, span in reversed(heads):
        values.append([row % span + minimum for row in rows])
        rows = [row // span for row in rows]
    return values[::-1]


def _width(base: int, rows: int) -> int:
    """The length in bytes of the largest number for this number of rows."""
    return (int(base**rows - 1).bit_length() + 7) // 8


def _encode_int(value: int) -> bytes:
    """Encode an integer, with its length in bytes in front."""
    size = value.bit_length() // 8 + 1
    return size.to_bytes() + value.to_bytes(size, signed=True)


def _read_int(stored: BytesIO) -> int:
    [size] = stored.read(1)
    return int.from_bytes(stored.read(size), signed=True)
