"""Settings, read once from the environment or a `.env` file."""

import logging
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.core.logging import LogFormat, LogLevel, for_terminal
from app.core.postgres_url import is_postgres_url, parse_postgres_url

ENV_FILE = ".env"

# `app.core.startup` reports the lines that dotenv cannot parse, with all doubtful names.
logging.getLogger("dotenv").setLevel(logging.ERROR)


def check_database_url(value: str) -> str:
    """Return the URL if it names a database that the service can use.

    Raises:
        ValueError: it does not; the message says what is required and repeats no part of the URL.

    """
    if is_postgres_url(value):
        parse_postgres_url(value)
        return value
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # Not the error's own text: it may quote part of a password as the port.
        raise ValueError("must be a database URL such as sqlite:///leads.db") from None
    if url.drivername not in ("sqlite", "sqlite+aiosqlite"):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if not url.database or ":memory:" in url.database or url.database.startswith("file:"):
        raise ValueError("must name a file: readers and the writer share it")
    return value


class Settings(BaseSettings):
    """Every setting of the service; the field's name in capitals is the variable's name."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        # Editors on Windows write a byte order mark, which is not part of the first name.
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    database_url: Annotated[
        str,
        Field(
            description="The SQLite file, as `sqlite:///relative.db` or `sqlite:////absolute.db`, "
            "or a PostgreSQL database, as `postgresql://user:password@host/name`."
        ),
    ] = "sqlite:///leads.db"
    database_readers: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Number of read-only connections, in addition to those that write.",
        ),
    ] = 4
    intake_capacity: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            description="Maximum number of pending inquiries; further inquiries get a 503.",
        ),
    ] = 1024
    max_body_bytes: Annotated[
        int,
        Field(
            ge=1024,
            le=16 * 1024 * 1024,
            description="Maximum size of a request body in bytes; a larger body gets a 413.",
        ),
    ] = 64 * 1024
    max_connections: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=1_000_000)],
        Field(
            description="Maximum number of open connections per process; `auto` is as many as the "
            "limit on file descriptors allows."
        ),
    ] = "auto"
    keep_alive: Annotated[
        int,
        Field(ge=1, le=3600, description="Seconds after which an idle connection is closed."),
    ] = 75
    log_format: Annotated[
        LogFormat, Field(description="The format of log lines: `human`, or `json` for programs.")
    ] = "human"
    log_level: Annotated[
        LogLevel,
        Field(description="`info` logs every request, `warning` and `error` only problems."),
    ] = "info"

    @field_validator("database_url")
    @classmethod
    def _names_a_database(cls, value: str) -> str:
        return check_database_url(value)

    @field_validator("log_format", "log_level", mode="before")
    @classmethod
    def _in_any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


def load_settings() -> Settings:
    """Load the settings.

    Raises:
        SystemExit: a setting is invalid; the message is one line that names the variable.

    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise SystemExit(refusal(faults)) from None
    except (OSError, UnicodeDecodeError):
        raise SystemExit(refusal("the file .env is not readable as UTF-8 text")) from None


def refusal(reason: str) -> str:
    """The line that says why the service cannot start."""
    return for_terminal(log_format(), logging.ERROR, f"Cannot start: {reason}")


def log_format(env_file: str | None = ENV_FILE) -> LogFormat:
    """The log format, or its default if it is invalid; other settings may be invalid, too."""
    try:
        return Settings(_env_file=env_file).log_format
    except ValidationError as error:
        names = [str(fault["loc"][0]) for fault in error.errors()]
        defaults = {name: Settings.model_fields[name].default for name in names}
        return Settings(_env_file=env_file, **defaults).log_format
    except (OSError, UnicodeDecodeError):
        return log_format(env_file=None)
