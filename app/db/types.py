"""Column types."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.types import TypeDecorator

BigId = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key; SQLite generates ids only for a column of type INTEGER."""


def utc_now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """A point in time: accepts aware datetimes, returns aware UTC datetimes.

    SQLite stores no time zone, so the value is stored in UTC, and gets its zone when read.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime must have a time zone")
        return value if value.tzinfo is UTC else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _in_utc(value)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        # SQLAlchemy's own takes six times as long for SQLite's texts.
        return _parsed if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _parsed(text: str | None) -> datetime | None:
    if text is None:
        return None
    with suppress(ValueError):
        value = datetime.fromisoformat(f"{text}+00:00")
        if value.tzinfo is not None:
            return value
    # Another program has written a date without a time, or a time with its zone.
    return _in_utc(datetime.fromisoformat(text))


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
