"""PostgreSQL's URLs: which of libpq's options are accepted, and the messages about the rest."""

from urllib.parse import unquote

import pytest

from app.core.postgres_url import Host, parse_postgres_url


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql:///leads", [("", None)]),
        ("postgresql://db/leads", [("db", None)]),
        ("postgresql+asyncpg://db:6432/leads", [("db", 6432)]),
        ("postgres://me:hush@[::1]:5433/leads", [("::1", 5433)]),
        ("postgresql://one:5432,two:5433/leads", [("one", 5432), ("two", 5433)]),
        (
            "postgresql://one,[fe80::1],three:1/leads",
            [("one", None), ("fe80::1", None), ("three", 1)],
        ),
        ("postgresql:///leads?host=one,two&port=1,2", [("one", 1), ("two", 2)]),
        ("postgresql:///leads?host=one,two&port=1", [("one", 1), ("two", 1)]),
        ("postgresql:///leads?port=5433", [("", 5433)]),
        ("postgresql:///leads?host=/run/postgresql", [("/run/postgresql", None)]),
        ("postgresql://%2Frun%2Fpostgresql/leads", [("/run/postgresql", None)]),
    ],
)
def test_hosts(url: str, hosts: list[tuple[str, int | None]]) -> None:
    """Each spelling of one host or several, with its port or the driver's own."""
    parsed = parse_postgres_url(url)

    assert "leads" == parsed.database
    assert [Host(*host) for host in hosts] == list(parsed.hosts)


def test_login_goes_to_the_driver() -> None:
    """Characters with a meaning in a URL keep their value."""
    parsed = parse_postgres_url("postgresql://me:p%40ss+%2F%3F@db/my%20leads")

    assert "postgresql:///my%20leads?user=me&password=p%40ss%2B%2F%3F" == parsed.dsn


def test_login_in_options() -> None:
    """Login and database may be given as options as well as before them."""
    parsed = parse_postgres_url("postgresql://db?user=me&password=hush&dbname=leads")

    assert "leads" == parsed.database
    assert "postgresql:///leads?user=me&password=hush" == parsed.dsn


@pytest.mark.parametrize("hosts", ["one", "one,two"])
def test_primary_of_several_hosts(hosts: str) -> None:
    """The service writes, so it skips a standby among the hosts."""
    parsed = parse_postgres_url(f"postgresql://{hosts}/leads")

    assert ("primary" if "," in hosts else "any") == parsed.target_session_attrs


def test_options_of_the_driver_the_server_and_the_socket() -> None:
    """Each option reaches the part that it is for."""
    parsed = parse_postgres_url(
        "postgresql://db/leads?sslmode=verify-full&sslrootcert=/etc/ca.pem&passfile=/etc/pass"
        "&application_name=bots&options=-csearch_path%3Dleads&connect_timeout=7&keepalives_idle=30"
        "&target_session_attrs=read-write"
    )

    assert (
        "postgresql:///leads?passfile=/etc/pass&sslmode=verify-full&sslrootcert=/etc/ca.pem"
        == unquote(parsed.dsn)
    )
    assert {"application_name": "bots", "options": "-csearch_path=leads"} == parsed.server_settings
    assert {"connect_timeout": 7, "keepalives_idle": 30} == parsed.numbers
    assert "read-write" == parsed.target_session_attrs


@pytest.mark.parametrize(
    "mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
)
def test_every_sslmode_is_accepted(mode: str) -> None:
    """The names are those of libpq."""
    assert f"sslmode={mode}" in parse_postgres_url(f"postgresql://db/leads?sslmode={mode}").dsn


@pytest.mark.parametrize(
    "option", ["channel_binding=prefer", "gssencmode=disable", "sslsni=1", "client_encoding=utf8"]
)
def test_option_without_effect_is_accepted(option: str) -> None:
    """Such an option asks for what the driver does anyway, and is not sent to the server."""
    parsed = parse_postgres_url(f"postgresql://db/leads?{option}")

    assert "postgresql:///leads" == parsed.dsn
    assert {} == parsed.server_settings


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("channel_binding=require", "channel_binding cannot be required"),
        ("gssencmode=require", "gssencmode must be one of disable, prefer"),
        ("sslmode=hush", "sslmode must be one of disable, allow"),
        ("sslrootcert=system", "sslrootcert must name the file"),
        ("connect_timeout=hush", "connect_timeout must be a whole number"),
        ("target_session_attrs=standby", "target_session_attrs must be one of any, primary"),
        ("service=hush", "the option service is not supported; remove it"),
        ("schema=hush", "the option schema is not supported; remove it"),
        ("sslmode=require&hush=hush", "option number 2 is not supported; remove it"),
        ("port=1,2", "must have a host for each port"),
        ("port=hush", "must have a port from 1 to 65535"),
        ("port=65536", "must have a port from 1 to 65535"),
        ("host=[hush", "must have hosts as host, host:port or"),
    ],
)
def test_refused_option_is_named(option: str, message: str) -> None:
    """The message names the option, and nothing that may be a password."""
    with pytest.raises(ValueError, match=message) as refused:
        parse_postgres_url(f"postgresql://me:hush@db/leads?{option}")

    assert "hush" not in str(refused.value)
