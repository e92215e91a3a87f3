"""Settings: from the environment, from `.env`, and the messages about unusable ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.config import Settings, load_settings
from app.core.startup import begin

SETTINGS = [
    ("database_url", "sqlite:///other.db", "sqlite:///other.db"),
    ("database_readers", "7", 7),
    ("intake_capacity", "500", 500),
    ("max_connections", "500", 500),
    ("keep_alive", "120", 120),
    ("max_body_bytes", "2048", 2048),
    ("log_format", "json", "json"),
    ("log_level", "warning", "warning"),
]
by_setting = pytest.mark.parametrize(("name", "text", "value"), SETTINGS)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder, and none of the settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def refusal() -> str:
    """The line with which the present settings are refused."""
    with pytest.raises(SystemExit) as refused:
        load_settings()
    return str(refused.value)


def test_every_setting_is_tested_here() -> None:
    """A new setting must be added to this table."""
    assert set(Settings.model_fields) == {name for name, *_ in SETTINGS}


def test_nothing_needs_to_be_set() -> None:
    """The service starts from a bare checkout."""
    settings = load_settings()

    assert "sqlite:///leads.db" == settings.database_url
    assert 4 == settings.database_readers
    assert 64 * 1024 == settings.max_body_bytes


@by_setting
def test_setting_comes_from_the_environment(
    name: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is the setting's name in capitals."""
    monkeypatch.setenv(name.upper(), text)

    assert value == getattr(load_settings(), name)


@by_setting
def test_setting_comes_from_the_env_file(name: str, text: str, value: Any) -> None:
    """A `.env` in the working folder sets what the environment does not."""
    Path(".env").write_text(f"{name.upper()}={text}\n", encoding="utf-8")

    assert value == getattr(load_settings(), name)


@pytest.mark.parametrize("name", ["log_format", "log_level"])
@pytest.mark.parametrize("spell", [str.upper, str.capitalize, str.swapcase])
def test_names_in_any_case(
    name: str, spell: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python and other services spell levels in capitals."""
    default = getattr(load_settings(), name)

    monkeypatch.setenv(name.upper(), spell(default))

    assert default == getattr(load_settings(), name)


def test_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment takes precedence."""
    Path(".env").write_text("DATABASE_READERS=2\n", encoding="utf-8")
    monkeypatch.setenv("DATABASE_READERS", "3")

    assert 3 == load_settings().database_readers


@pytest.mark.parametrize("name", Settings.model_fields)
def test_empty_variable_is_as_good_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable leaves the default, as compose files rely on."""
    default = getattr(load_settings(), name)

    monkeypatch.setenv(name.upper(), "")

    assert default == getattr(load_settings(), name)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "hush-hush"),
        ("DATABASE_URL", "mysql://staff:hush-hush@db/leads"),
        ("DATABASE_URL", "mysql://staff:hush-hush:1@db/leads"),
        ("DATABASE_URL", "postgresql://staff:hush-hush@db"),
        ("DATABASE_URL", "postgresql://staff:hush-hush@db:hush/leads"),
        ("DATABASE_URL", "sqlite://staff:hush-hush/leads.db"),
        ("DATABASE_URL", "sqlite:///file:hush-hush?mode=memory"),
        ("DATABASE_URL", "sqlite:///:memory:?key=hush-hush"),
        ("DATABASE_READERS", "hush-hush"),
        ("MAX_BODY_BYTES", "hush-hush"),
        ("MAX_CONNECTIONS", "hush-hush"),
        ("KEEP_ALIVE", "hush-hush"),
        ("LOG_FORMAT", "hush-hush"),
        ("LOG_LEVEL", "hush-hush"),
    ],
)
def test_bad_value_is_named_and_not_repeated(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one line names the variable, and omits the value, which may hold a password."""
    monkeypatch.setenv(variable, value)

    message = refusal()

    assert message.startswith(f"Cannot start: {variable}: ")
    assert "\n" not in message
    assert "hush" not in message


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_database_in_memory_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers and the writer would each see a database of their own."""
    monkeypatch.setenv("DATABASE_URL", url)

    assert "DATABASE_URL: must name a file" in refusal()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://staff:secret@db.example.com:6432/leads",
        "postgresql+asyncpg://db/leads",
        "postgres:///leads?host=/run/postgresql",
    ],
)
def test_postgresql_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any spelling of the scheme is accepted; the host may be omitted."""
    monkeypatch.setenv("DATABASE_URL", url)

    assert url == load_settings().database_url


@pytest.mark.parametrize("url", ["postgresql://", "postgresql://db", "postgresql://db/"])
def test_database_without_a_name_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL would use the user's name, which is rarely intended."""
    monkeypatch.setenv("DATABASE_URL", url)

    assert "Cannot start: DATABASE_URL: must name a database: postgresql://host/name" == refusal()


@pytest.mark.parametrize("value", ["0", "65", "-1", "1.5"])
def test_reader_count_has_bounds(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 to 64 readers, a whole number."""
    monkeypatch.setenv("DATABASE_READERS", value)

    assert refusal().startswith("Cannot start: DATABASE_READERS: ")


@pytest.mark.parametrize("value", ["1023", str(16 * 1024 * 1024 + 1)])
def test_body_limit_has_bounds(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 KiB to 16 MiB."""
    monkeypatch.setenv("MAX_BODY_BYTES", value)

    assert refusal().startswith("Cannot start: MAX_BODY_BYTES: ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MAX_CONNECTIONS", "0"), ("MAX_CONNECTIONS", "1000001"), ("KEEP_ALIVE", "0")],
)
def test_connections_have_bounds(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 to 1,000,000 connections, or as many as the descriptors allow; kept for 1 s to 1 h."""
    monkeypatch.setenv(variable, value)

    assert refusal().startswith(f"Cannot start: {variable}: ")


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start reports both errors, in one line."""
    monkeypatch.setenv("DATABASE_READERS", "none")
    monkeypatch.setenv("MAX_BODY_BYTES", "none")

    message = refusal()

    assert "DATABASE_READERS" in message
    assert "MAX_BODY_BYTES" in message
    assert "\n" not in message


def test_env_file_that_is_no_text_is_named() -> None:
    """A `.env` in another encoding causes no traceback."""
    Path(".env").write_bytes("DATABASE_URL=sqlite:///leads.db".encode("utf-16"))

    assert "Cannot start: the file .env is not readable as UTF-8 text" == refusal()


def test_env_file_may_begin_with_a_byte_order_mark() -> None:
    """Windows editors write one; the first name is read correctly."""
    Path(".env").write_text("DATABASE_READERS=2\n", encoding="utf-8-sig")

    assert 2 == load_settings().database_readers


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        (
            "DATABSE_URL=hush-hush",
            "`.env` sets DATABSE_URL, which is not a setting. Did you mean DATABASE_URL?",
        ),
        (
            "export 'database-url' = 'hush-hush' # hush",
            "`.env` sets database-url, which is not a setting. Did you mean DATABASE_URL?",
        ),
        (
            'Log_Levels="hush-hush"',
            "`.env` sets Log_Levels, which is not a setting. Did you mean LOG_LEVEL?",
        ),
        ("POSTGRES_PASSWORD=hush-hush", "`.env` sets POSTGRES_PASSWORD, which is not a setting."),
        (
            "DATABSE_URL=",
            "`.env` sets DATABSE_URL, which is not a setting. Did you mean DATABASE_URL?",
        ),
        ("DATABASE_URL: hush", "Line 2 of `.env` is not of the form NAME=value and is ignored."),
        ("DATABASE_URL", "Line 2 of `.env` is not of the form NAME=value and is ignored."),
    ],
)
def test_unknown_name_in_the_env_file_is_a_warning(
    line: str, warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The warning has the nearest setting but not the value, which may be a password."""
    Path(".env").write_text(f"LOG_LEVEL=warning\n{line}\n", encoding="utf-8")

    begin()

    [printed] = capsys.readouterr().err.splitlines()
    assert printed.endswith(f"Z warning {warning}")
    assert "hush" not in printed


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# DATABSE_URL=sqlite:///leads.db",
        "DATABASE_READERS=2",
        "export database_readers = '2'  # as a shell has it",
        'Database_Readers="2"',
        "INTAKE_CAPACITY=",
    ],
)
def test_known_name_in_the_env_file_is_no_warning(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Case, quotes, comments and `export` do not make a name unknown."""
    Path(".env").write_text(f"{line}\n", encoding="utf-8")

    begin()

    assert "" == capsys.readouterr().err


def test_misspelt_variable_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service warns of a variable similar to a setting; others are for other programs."""
    monkeypatch.setenv("DATABSE_URL", "hush-hush")
    monkeypatch.setenv("TEST_DATABASE_URL", "hush-hush")

    begin()

    [printed] = capsys.readouterr().err.splitlines()
    assert printed.endswith(
        "The environment variable DATABSE_URL is not a setting. Did you mean DATABASE_URL?"
    )


def test_log_level_may_leave_warnings_out(capsys: pytest.CaptureFixture[str]) -> None:
    """At the level `error` warnings are not printed."""
    Path(".env").write_text("LOG_LEVEL=error\nFOO=1\n", encoding="utf-8")

    begin()

    assert "" == capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [b"LOG_FORMAT=json\nDATABASE_READERS=none\nLOG_LEVEL=none\n", b"LOG_FORMAT=json\n\xff\n"],
)
def test_refusal_has_the_format_that_can_be_known(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program reads the reason even if other settings or the whole file are unusable."""
    Path(".env").write_bytes(content)
    if b"\xff" in content:
        monkeypatch.setenv("LOG_FORMAT", "json")

    line = json.loads(refusal())

    assert "error" == line["level"]
    assert line["event"].startswith("Cannot start: ")


def test_unreadable_env_file_is_one_line() -> None:
    """The line names the file."""
    Path(".env").write_bytes("LOG_LEVEL=info".encode("utf-16"))

    assert "Cannot start: the file .env is not readable as UTF-8 text" == refusal()
