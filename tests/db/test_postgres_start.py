"""Which PostgreSQL servers and settings the service starts with, and which it refuses."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.core.errors import DatabaseUnavailable, SchemaOutdated, StartupError
from app.crud import OperatorCRUD
from app.db.database import Database
from tests.support.api import Api
from tests.support.kinds import only_postgres
from tests.support.postgres import PostgresDatabases, PostgresServer
from tests.support.rows import Rows

DEFAULTS = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "standard_conforming_strings": "off",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "lock_timeout": "1s",
    "statement_timeout": "1s",
    "idle_in_transaction_session_timeout": "1s",
    "idle_session_timeout": "1s",
    "transaction_timeout": "1s",
}


async def start_and_stop(url: str) -> None:
    """Open and close the database, as each process of the service does."""
    async with Database(url).serving():
        pass


async def until_answered(call: Callable[[], Awaitable[None]]) -> None:
    """Repeat a call until it finds no lost connection."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await call()
            except DatabaseUnavailable:
                await asyncio.sleep(0.05)


@pytest.fixture
def odd_defaults(database_url: str, rows: Rows) -> None:
    """Set defaults of the database that differ from PostgreSQL's own."""
    name = make_url(database_url).database
    for setting, value in DEFAULTS.items():
        rows.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")


@only_postgres
@pytest.mark.usefixtures("odd_defaults")
async def test_defaults_of_the_database_make_no_difference(api: Api) -> None:
    """The service behaves as with PostgreSQL's own defaults."""
    operator = await api.create_operator("Мария")
    source = await api.create_source({operator: 1})
    payload = {"text": "\\ ' \U0001f600"}
    posted = await asyncio.gather(*(api.post(source, payload=payload) for _ in range(20)))
    await api.close(posted[0]["id"])
    await asyncio.sleep(1.5)

    assert 19 == len(await api.list_active())
    assert {operator} == {interaction["operator_id"] for interaction in posted}
    assert payload == (await api.call("GET", f"/interactions/{posted[0]['id']}"))["payload"]


@pytest.mark.timeouts
@only_postgres
@pytest.mark.usefixtures("odd_defaults")
async def test_sessions_have_settings_of_their_own(database: Database) -> None:
    """Sessions have the service's isolation level and timeouts."""
    names = ("default_transaction_isolation", "lock_timeout", "idle_session_timeout", "jit")
    shown = [text(f"SHOW {name}") for name in names]
    async with database.reading() as reader, database.writing() as writer:
        for session in (reader, writer):
            values = [await session.scalar(show) for show in shown]

            assert ["read committed", "1500ms", "0", "off"] == values


@only_postgres
async def test_other_encoding_is_refused(database_url: str, rows: Rows) -> None:
    """A database that cannot store every text is refused at the start."""
    url = make_url(database_url)
    name = f"{url.database}_latin1"
    rows.execute(f"CREATE DATABASE {name} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StartupError, match="is encoded in LATIN1"):
            await start_and_stop(url.set(database=name).render_as_string(hide_password=False))
    finally:
        rows.execute(f"DROP DATABASE {name} WITH (FORCE)")


@only_postgres
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("sslmode=require", "rejected SSL upgrade"),
        ("sslmode=verify-full&sslrootcert=/nowhere", "No such file"),
        ("host=/nowhere", "No such file"),
        ("host=" + 70 * "a", "label too long"),
        ("host=127.0.0.1,127.0.0.1&port=1,2", "Connect call failed"),
        ("options=-cnothing%3D1", 'unrecognized configuration parameter "nothing"'),
    ],
)
async def test_failed_connection_is_one_line(database_url: str, options: str, reason: str) -> None:
    """The error is one line, whether the system, the driver or the server raised it."""
    with pytest.raises(StartupError, match=reason) as refused:
        await start_and_stop(f"{database_url}?{options}")

    assert "\n" not in str(refused.value)


@only_postgres
async def test_options_reach_the_server(database_url: str) -> None:
    """`application_name` and `options` in the URL apply to sessions."""
    url = f"{database_url}?application_name=bots&options=-cwork_mem%3D5MB&keepalives_idle=30"
    database = Database(url)
    async with database.serving(), database.reading() as session:
        assert "bots" == await session.scalar(text("SHOW application_name"))
        assert "5MB" == await session.scalar(text("SHOW work_mem"))


async def test_server_that_accepts_connections_and_does_not_answer() -> None:
    """The start fails after `connect_timeout`."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(StartupError, match="did not answer in time"):
            await start_and_stop(f"postgresql://127.0.0.1:{port}/leads?connect_timeout=1")


@pytest.mark.heavy
async def test_standby_is_refused_or_skipped(own_postgres: PostgresServer) -> None:
    """A single standby is refused as such; of several hosts the primary is used."""
    own_postgres.become_standby()
    with pytest.raises(StartupError, match="is a standby, which is read-only"):
        await start_and_stop(own_postgres.url())
    address = make_url(own_postgres.url())
    twice = f"postgresql://postgres@127.0.0.1:{address.port},127.0.0.1:{address.port}/postgres"
    with pytest.raises(StartupError, match="target_session_attrs=primary"):
        await start_and_stop(twice)
    own_postgres.promote()
    dead_first = own_postgres.url().replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:")
    database = Database(dead_first)
    async with database.serving(), database.writing() as session:
        assert (await OperatorCRUD(session).create(name="Maria")).id


async def test_processes_that_start_at_once_on_an_empty_database(
    postgres: PostgresDatabases,
) -> None:
    """One process migrates the database; the others find it migrated."""
    with postgres.empty() as url:
        await asyncio.gather(*(start_and_stop(url) for _ in range(6)))


@only_postgres
async def test_recreated_empty_database_is_not_served(
    database_url: str, database: Database, postgres: PostgresDatabases
) -> None:
    """A database dropped and created again while it is served is reported to have no schema."""

    async def create() -> None:
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")

    async def ready() -> None:
        await database.require_current_schema()

    async def read() -> None:
        async with database.reading() as session:
            await OperatorCRUD(session).list_page(limit=1)

    await create()
    await read()
    postgres.replace(database_url)
    for call in (create, ready, read):
        with pytest.raises(SchemaOutdated):
            await until_answered(call)
