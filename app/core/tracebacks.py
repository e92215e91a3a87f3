"""Tracebacks that show where an error occurred, but none of the data that was being handled."""

import sqlite3
import traceback
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from app.core.errors import ServiceError, StartupError

_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
_SAFE_MESSAGES = (ServiceError, StartupError, sqlite3.Error)
"""Exceptions whose messages contain no values, only names of tables, columns and constraints."""


def discreet_traceback(error: BaseException) -> str:
    """The traceback of an error and of its causes, as Python prints it, without their messages.

    Messages of pydantic, FastAPI, asyncpg and Python itself may quote an address or a payload. For
    a database error its SQLSTATE is shown.
    """
    return "".join(_lines(error, set()))


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and id(earlier) not in seen:
        yield from _lines(earlier, seen)
        yield _CAUSED if error.__cause__ else _DURING
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}{_message(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _lines(member, seen)


def _message(error: BaseException) -> str:
    if isinstance(error, _SAFE_MESSAGES):
        return f": {error}"
    if isinstance(error, DBAPIError):
        code = getattr(error.orig, "sqlstate", None)
        return f" (SQLSTATE {code})" if code else ""
    return ""
