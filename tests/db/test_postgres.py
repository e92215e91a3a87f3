"""What only PostgreSQL has: a server that may end, hang, be full or deadlock, and its settings."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from app.core.errors import DatabaseUnavailable, RolledBack, StartupError, StorageFull
from app.crud import LeadCRUD, OperatorCRUD
from app.db.database import Database, WriteSession
from app.schemas import CreateInteraction
from app.services.intake import Inquiry, record
from app.services.queue import drain
from tests.support.kinds import only_postgres
from tests.support.rows import Rows
from tests.support.statements import noted

pytestmark = only_postgres

CANARY = "canary7f3a"
NAMES = "SELECT name FROM operators ORDER BY id"


async def backend_of(session: WriteSession) -> int:
    """The process on the server that serves a session."""
    return int(await session.scalar(text("SELECT pg_backend_pid()")))


async def test_lost_connection_rolls_back(database: Database, rows: Rows) -> None:
    """Without a COMMIT nothing can have been written, and the next session has a connection."""
    with pytest.raises(RolledBack):
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")
            rows.execute(f"SELECT pg_terminate_backend({await backend_of(session)})")
            await OperatorCRUD(session).create(name="Ivan")
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Boris")

    assert [("Boris",)] == rows.execute(NAMES)


async def test_work_is_done_again_on_another_connection(database: Database, rows: Rows) -> None:
    """Work whose connection is lost is begun anew, and done once."""
    attempts = []

    async def work(session: WriteSession) -> None:
        attempts.append(await backend_of(session))
        await OperatorCRUD(session).create(name="Maria")
        if len(attempts) == 1:
            rows.execute(f"SELECT pg_terminate_backend({attempts[0]})")
        await OperatorCRUD(session).create(name="Ivan")

    await database.write(work)

    assert 2 == len(set(attempts))
    assert [("Maria",), ("Ivan",)] == rows.execute(NAMES)


async def test_connection_lost_during_commit_is_not_tried_again(
    database: Database, rows: Rows
) -> None:
    """Whether it was done is unknown, and doing it again might do it twice."""
    rows.executescript(
        """
        CREATE FUNCTION dawdle() RETURNS TRIGGER LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON operators
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle();
        """
    )
    attempts = []

    async def work(session: WriteSession) -> None:
        attempts.append(await backend_of(session))
        await OperatorCRUD(session).create(name="Maria")
        asyncio.get_running_loop().call_later(
            0.2, rows.execute, f"SELECT pg_terminate_backend({attempts[0]})"
        )

    with pytest.raises(DatabaseUnavailable) as unknown:
        await database.write(work)

    assert DatabaseUnavailable is type(unknown.value)
    assert 1 == len(attempts)


async def test_deadlock_is_done_again(database: Database, rows: Rows) -> None:
    """Of two that wait for each other, PostgreSQL undoes one; begun anew, both are done."""
    rows.execute("INSERT INTO operators (name, active) VALUES ('Maria', TRUE), ('Ivan', TRUE)")
    met = asyncio.Barrier(2)
    attempts = []

    async def rename(first: int, second: int) -> None:
        async def work(session: WriteSession) -> None:
            attempts.append(first)
            await OperatorCRUD(session).update(first, {"name": f"first {first}"})
            if len(attempts) <= 2:
                await met.wait()
            await OperatorCRUD(session).update(second, {"name": f"second {first}"})

        await database.write(work)

    await asyncio.gather(rename(1, 2), rename(2, 1))

    assert 3 == len(attempts)
    last = attempts[-1]
    assert {(f"first {last}",), (f"second {last}",)} == set(rows.execute(NAMES))


async def test_plans_for_small_tables_are_good_for_large_ones(
    database: Database, rows: Rows
) -> None:
    """No plan walks a table: it is kept while the table grows, whatever it was made for."""
    rows.executescript(
        "INSERT INTO sources (id, description, sticky, enforce_load_limit)"
        " VALUES (1, 'bot', true, true);"
        "INSERT INTO operators (id, name, active, load_limit) VALUES (1, 'Maria', true, 1);"
        "INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (1, 1, 1)"
    )
    inquiries = [
        Inquiry(CreateInteraction(email=f"lead{number}@example.com", source_id=1), f"key{number}")
        for number in range(40)
    ]
    async with database.writing() as session:
        with noted(session) as statements:
            await record(session, inquiries)
            await drain(session, [1])
        connection = await session.connection()
        for sql, parameters in statements:
            once = parameters if isinstance(parameters, tuple) else parameters[0]
            plan = await connection.exec_driver_sql(f"EXPLAIN {sql}", once)
            walks = [line for (line,) in plan if "Seq Scan" in line]

            # The highest limit of all is looked for among the few operators.
            assert not [line for line in walks if "on operators operators_1" not in line], sql


async def test_full_disk_is_storage_full(database: Database, rows: Rows) -> None:
    """What PostgreSQL says of a full disk is said to the client in the service's words."""
    rows.executescript(
        """
        CREATE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''disk_full''; END';
        CREATE TRIGGER full_disk BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION refuse();
        """
    )

    with pytest.raises(StorageFull):
        async with database.writing() as session:
            await LeadCRUD(session).get_or_create_by_email("lead@example.com")


async def test_stuck_transaction_is_given_up(database: Database, rows: Rows) -> None:
    """No session goes on for longer than a client waits, whatever it waits for."""
    with pytest.raises(DatabaseUnavailable):
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")
            await asyncio.Event().wait()

    assert [] == rows.execute(NAMES)


async def test_values_stay_out_of_the_error(database: Database) -> None:
    """PostgreSQL names the values that break a constraint; whoever reads the log does not."""
    with pytest.raises(IntegrityError) as refused:
        async with database.writing() as session:
            for _ in range(2):
                await session.execute(
                    text("INSERT INTO leads VALUES (gen_random_uuid(), :email, now())"),
                    {"email": f"{CANARY}@example.com"},
                )

    error: BaseException | None = refused.value
    while error is not None:
        assert CANARY not in str(error)
        error = error.__cause__


async def start_and_stop(url: str) -> None:
    """What every process of the service does."""
    async with Database(url).serving():
        pass


async def test_server_that_keeps_the_promise_is_not_complained_of(
    durable_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With PostgreSQL's own settings there is nothing to say."""
    await start_and_stop(durable_url)

    assert [] == caplog.messages


async def test_commit_that_does_not_wait_is_said_at_the_start(
    durable_url: str, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """A setting that lets a 201 be lost is one line in the log."""
    rows.execute(f"ALTER DATABASE {make_url(durable_url).database} SET synchronous_commit = off")

    await start_and_stop(durable_url)

    assert [
        "PostgreSQL: synchronous_commit is off: a crash may lose what a 201 has promised."
    ] == caplog.messages


async def test_disk_that_is_not_synced_is_said_at_the_start(
    database_url: str, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that leaves its pages to the system is one line in the log."""
    if rows.execute("SHOW fsync") != [("off",)]:
        pytest.skip("the server of TEST_DATABASE_URL syncs, and is not ours to change")

    await start_and_stop(database_url)

    assert [
        "PostgreSQL: fsync is off: a crash of the machine may corrupt the database."
    ] == caplog.messages


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"username": "nobody"}, 'role "nobody" does not exist'),
        ({"port": 1}, "Connect call failed"),
    ],
)
async def test_unusable_database_is_said_plainly(
    database_url: str, change: dict[str, Any], reason: str
) -> None:
    """The start fails with the reason; the password is no part of it."""
    url = make_url(database_url).set(password="hush-hush", **change)

    with pytest.raises(StartupError, match=reason) as refused:
        await start_and_stop(url.render_as_string(hide_password=False))

    assert "hush" not in str(refused.value)
