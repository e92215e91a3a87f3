"""Tracebacks of the log: where an error occurred, without anything that was sent."""

import sqlite3

import pytest
from pydantic import TypeAdapter
from sqlalchemy.exc import IntegrityError

from app.core.errors import LeadNotFound
from app.core.tracebacks import discreet_traceback

CANARY = "canary7f3a"


def fail(error: Exception, cause: Exception | None = None) -> Exception:
    """The error, raised and caught."""
    with pytest.raises(Exception) as raised:  # noqa: PT011  # any error
        raise error from cause
    return raised.value


def validation_error() -> Exception:
    """pydantic's error about a value, which quotes it."""
    with pytest.raises(ValueError, match=CANARY) as raised:
        TypeAdapter(int).validate_python(CANARY)
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        ValueError(CANARY),
        KeyError(CANARY),
        UnicodeEncodeError("utf-8", CANARY, 0, 1, CANARY),
        validation_error(),
        ExceptionGroup(CANARY, [ValueError(CANARY), ExceptionGroup(CANARY, [KeyError(CANARY)])]),
        SyntaxError(CANARY, (CANARY, 1, 1, CANARY)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_messages_are_left_out(error: Exception) -> None:
    """The type and the place are enough to find an error; notes are messages, too."""
    error.add_note(CANARY)

    text = discreet_traceback(fail(error, cause=fail(RuntimeError(CANARY))))

    assert CANARY not in text
    assert type(error).__qualname__ in text
    assert "RuntimeError" in text
    assert "in fail" in text
    assert "raise error from cause" in text


def test_members_of_a_group_are_shown() -> None:
    """Each error of a group has its traceback."""
    text = discreet_traceback(fail(ExceptionGroup("", [fail(KeyError(CANARY)), OSError(CANARY)])))

    assert "builtins.KeyError\n" in text
    assert "builtins.OSError\n" in text


def test_context_is_shown_unless_suppressed() -> None:
    """As in Python: the error that was being handled, unless `from None` hides it."""
    shown, hidden = ValueError(), ValueError()
    shown.__context__ = hidden.__context__ = fail(KeyError())
    hidden.__suppress_context__ = True

    assert "another exception occurred" in discreet_traceback(shown)
    assert "KeyError" in discreet_traceback(shown)
    assert "KeyError" not in discreet_traceback(hidden)


def test_errors_in_a_circle_end() -> None:
    """Each error is shown once."""
    error = ValueError()
    error.__context__ = KeyError()
    error.__context__.__context__ = error

    assert 1 == discreet_traceback(error).count("ValueError")


def test_messages_without_data_are_quoted() -> None:
    """Messages that name only tables and constraints are kept."""
    assert "LeadNotFound: There is no such lead.\n" in discreet_traceback(LeadNotFound())
    unique = sqlite3.IntegrityError("UNIQUE constraint failed: leads.email")

    assert f"sqlite3.IntegrityError: {unique}\n" in discreet_traceback(unique)


def test_error_of_another_database_is_its_code() -> None:
    """PostgreSQL's message has the refused row; its SQLSTATE identifies the error."""
    orig = Exception(f"Key (email)=({CANARY}) already exists.")
    orig.sqlstate = "23505"  # type: ignore[attr-defined]  # as drivers have it
    error = IntegrityError(f"INSERT {CANARY}", [CANARY], orig)

    text = discreet_traceback(fail(error, cause=orig))

    assert "sqlalchemy.exc.IntegrityError (SQLSTATE 23505)\n" in text
    assert CANARY not in text
