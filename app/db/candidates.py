"""An assignment's candidates as they are stored: a hundred of them in about a kilobyte at most.

A few are kept as JSON. Of many, each field makes a column of numbers, with a least value and a
span: how many values there are from that one on. A row's values, less the least ones, are the
digits of one number, each in the base of its column's span; and the numbers of some rows together
are the digits of one again. So what all have in common takes no room, and the rest hardly more
than it must.
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
"""As JSON, so many take less time, and a kilobyte at most."""

_JSON, _COLUMNS = b"\x01", b"\x02"
"""What stored bytes begin with; those from before 0004 are bare JSON, with credits in weights."""

_MILLION = 1_000_000
_MILLIONTHS = _MILLION / INQUIRY
_ROWS = 32
_REASONS: list[PassedOver | None] = [None, "inactive", "at_limit", "zero_weight"]
_CODES = {reason: code for code, reason in enumerate(_REASONS)}
_json = TypeAdapter(list[CandidateSnapshot])


class Candidates(TypeDecorator[Sequence[CandidateSnapshot]]):
    """Candidates by operator id, as bytes. The credits of many are rounded to millionths."""

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
    """The bytes to store for these candidates, whose ids rise."""
    if len(candidates) <= FEW:
        return _JSON + _json.dump_json(candidates)  # type: ignore[arg-type]  # any sequence will do
    ids, weights, credits, loads, limits, reasons = zip(*candidates, strict=True)
    return b"".join(
        (
            _COLUMNS,
            _number(len(ids)),
            _pack_settings(ids, weights, limits),
            _pack(
                [round(credit * _MILLIONTHS) for credit in credits],
                _from_one(loads),
                [_CODES[reason] for reason in reasons],
            ),
        )
    )


def decode(stored: bytes) -> list[CandidateSnapshot]:
    """The candidates that were stored."""
    if stored.startswith(_COLUMNS):
        return _from_columns(BytesIO(stored[1:]))
    if stored.startswith(_JSON):
        return _json.validate_json(stored[1:])
    candidates = _json.validate_json(stored)
    total = sum(one.weight for one in candidates if one.passed_over is None)
    total = total or sum(one.weight for one in candidates) or 1
    return [one._replace(credit=INQUIRY * one.credit // total) for one in candidates]


def _from_columns(stored: BytesIO) -> list[CandidateSnapshot]:
    count = _read_number(stored)
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
    """What stands from one choice to the next."""
    steps = [ids[0], *(id - before for before, id in pairwise(ids))]
    return _pack(steps, weights, _from_one(limits))


def _from_one(values: Sequence[int | None]) -> list[int]:
    """Leaves 0 for None."""
    return [0 if value is None else value + 1 for value in values]


def _pack(*columns: Sequence[int]) -> bytes:
    """The columns, each with its least value and its span in front."""
    head, rows, base = [], [0] * len(columns[0]), 1
    for column in columns:
        least = min(column)
        span = max(column) - least + 1
        head += [_number(least), _number(span)]
        base *= span
        if span > 1:
            rows = [row * span + value - least for row, value in zip(rows, column, strict=True)]
    packed = []
    for start in range(0, len(rows), _ROWS):
        number = 0
        some = rows[start : start + _ROWS]
        for row in some:
            number = number * base + row
        packed.append(number.to_bytes(_width(base, len(some))))
    return b"".join(head + packed)


def _unpack(stored: BytesIO, count: int, *, columns: int) -> list[list[int]]:
    heads = [(_read_number(stored), _read_number(stored)) for _ in range(columns)]
    base = prod(span for _, span in heads)
    rows: list[int] = []
    for start in range(0, count, _ROWS):
        some = min(_ROWS, count - start)
        number = int.from_bytes(stored.read(_width(base, some)))
        digits = []
        for _ in range(some):
            number, row = divmod(number, base)
            digits.append(row)
        rows += reversed(digits)
    values = []
    for least, span in reversed(heads):
        values.append([row % span + least for row in rows])
        rows = [row // span for row in rows]
    return values[::-1]


def _width(base: int, rows: int) -> int:
    """The bytes of the greatest number of so many rows."""
    return (int(base**rows - 1).bit_length() + 7) // 8


def _number(value: int) -> bytes:
    """An integer, with its length in bytes in front."""
    size = value.bit_length() // 8 + 1
    return size.to_bytes() + value.to_bytes(size, signed=True)


def _read_number(stored: BytesIO) -> int:
    [size] = stored.read(1)
    return int.from_bytes(stored.read(size), signed=True)
