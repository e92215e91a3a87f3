"""PostgreSQL only: lost connections, deadlocks, locks, timeouts, full disks and settings."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from app.core.errors import (
    DatabaseUnavailable,
    RolledBack,
    SourceNotFound,
    StartupError,
    StorageFull,
)
from app.crud import LeadCRUD, OperatorCRUD
from app.db.database import Database
from app.db.session import WriteSession
from app.schemas import CreateInteraction
from app.services import interactions, operators, sources
from app.services.intake import Inquiry, Recorded, record
from tests.support.events import until
from tests.support.kinds import only_postgres
from tests.support.rows import Rows, open_rows
from tests.support.statements import noted

pytestmark = only_postgres

CANARY = "canary7f3a"
NAMES = "SELECT name FROM operators ORDER BY id"


async def backend_of(session: WriteSession) -> int:
    """The server process of a session."""
    return int(await session.scalar(text("SELECT pg_backend_pid()")))


async def test_lost_connection_rolls_back(database: Database, rows: Rows) -> None:
    """A connection lost before COMMIT has written nothing; the next session gets a new one."""
    with pytest.raises(RolledBack):
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")
            rows.execute(f"SELECT pg_terminate_backend({await backend_of(session)})")
            await OperatorCRUD(session).create(name="Ivan")
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Boris")

    assert [("Boris",)] == rows.execute(NAMES)


async def test_work_is_retried_on_another_connection(database: Database, rows: Rows) -> None:
    """Work whose connection is lost is retried, and committed once."""
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


async def test_connection_lost_during_commit_is_not_retried(database: Database, rows: Rows) -> None:
    """Whether the COMMIT succeeded is unknown: a retry might do the work twice."""
    rows.executescript(
        """
        CREATE FUNCTION wait_a_minute() RETURNS TRIGGER LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON operators
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_a_minute();
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


async def test_deadlock_is_retried(database: Database, rows: Rows) -> None:
    """PostgreSQL rolls back one of two transactions in a deadlock; after a retry, both commit."""
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


async def kept_plan(session: WriteSession, sql: str) -> dict[str, Any]:
    """How PostgreSQL answers a statement of a session that writes, whatever its parameters."""
    parameters = len(set(re.findall(r"\$\d+", sql)))
    nulls = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    connection = await session.connection()
    await connection.exec_driver_sql(f"PREPARE kept AS {sql}")
    [plan] = await connection.scalar(text(f"EXPLAIN (FORMAT JSON) EXECUTE kept{nulls}"))
    await connection.exec_driver_sql("DEALLOCATE kept")
    return dict(plan["Plan"])


def walks(plan: dict[str, Any], above: str = "") -> Iterator[str]:
    """The steps of a plan that read all of a table, of an index, or of what they join."""
    step = plan["Node Type"]
    is_first = above == "Limit" and "Filter" not in plan
    is_search = "Index" in step and ("Index Cond" in plan or is_first)
    if step in ("Seq Scan", "Hash Join", "Merge Join") or ("Index" in step and not is_search):
        yield f"{step} {plan.get('Alias', plan.get('Index Name'))}"
    for part in plan.get("Plans", []):
        yield from walks(part, step)


ONE_SOURCE = """
INSERT INTO sources (id, description, sticky, enforce_load_limit) VALUES (1, 'bot', true, true);
INSERT INTO operators (id, name, active, load_limit) VALUES (1, 'Maria', true, 15),
(2, 'Ivan', true, 3);
INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (1, 1, 1), (1, 2, 1);
"""
MANY_WAIT = """
INSERT INTO leads (uuid, email, created_at)
VALUES ('22222222222222222222222222222222', 'waiting@example.com', now());
INSERT INTO interactions (lead_uuid, source_id, operator_id, is_active, created_at)
SELECT '22222222222222222222222222222222', 1, CASE WHEN id % 5 < 2 THEN 1 END, true, now()
FROM generate_series(1, 300) id;
ANALYZE;
"""


async def test_plans_for_small_tables_are_good_for_large_ones(
    database: Database, rows: Rows
) -> None:
    """No kept plan scans a table or an index, as PostgreSQL reuses it while these grow."""
    rows.executescript(ONE_SOURCE)
    inquiries = [
        Inquiry(CreateInteraction(email=f"lead{number}@example.com", source_id=1), f"key{number}")
        for number in range(20)
    ]
    async with database.writing() as session:
        # Of all sessions that write.
        with noted(session) as statements:
            await database.write(partial(record, inquiries=inquiries))
            assert not (await interactions.close(database, 1)).is_active
            assert not (await interactions.close(database, 1)).is_active
            for operator_id in (1, 2):
                await operators.update(database, operator_id, {"load_limit": 20})
            moved = await interactions.assign(database, 2, None)
            await interactions.assign(database, 2, moved.operator_id)
            await sources.update(database, 1, {"sticky": False})
            await sources.replace_weights(database, 1, {1: 2})
        sent = {sql for sql, _ in statements}
        on_empty = {sql: await kept_plan(session, sql) for sql in sent}
        rows.executescript(MANY_WAIT)
        on_analyzed = {sql: await kept_plan(session, sql) for sql in sent}

    assert 20 < len(sent)
    assert "= $1" in str(on_empty)
    for sql, plan in on_empty.items():
        # Only the search for the highest load limit scans the operators, which are few.
        assert {"Seq Scan operators_1"} >= set(walks(plan)), sql
    for sql, plan in on_analyzed.items():
        # A plan may scan the few operators, sources and leads, but not the interactions.
        assert not [walk for walk in walks(plan) if "interactions" in walk], sql


THREE_SOURCES = """
INSERT INTO sources (id, description, enforce_load_limit)
SELECT id, 'bot', true FROM generate_series(1, 3) id;
INSERT INTO operators (id, name, active, load_limit) VALUES (1, 'Maria', true, 1),
(2, 'Ivan', true, 9);
INSERT INTO source_operator_settings (source_id, operator_id, weight)
SELECT id, 1, 1 FROM sources;
INSERT INTO leads (uuid, email, created_at)
VALUES ('22222222222222222222222222222222', 'lead@example.com', now());
"""
"""Operator 1 is assigned to three sources and has a limit of 1."""


def add_interaction(rows: Rows, source_id: int, operator_id: int | None) -> int:
    """Insert an active interaction; returns its id."""
    [(id,)] = rows.execute(
        "INSERT INTO interactions (lead_uuid, source_id, operator_id, is_active, created_at)"
        " VALUES ('22222222222222222222222222222222',"
        f" {source_id}, {operator_id or 'NULL'}, true, now()) RETURNING id"
    )
    return int(id)


def waiting_sessions(rows: Rows) -> int:
    """How many sessions of this database wait for a lock."""
    # Not in pg_stat_activity, which a transaction sees as it was at its first look.
    [(waiting,)] = rows.execute(
        "SELECT count(DISTINCT wanted.pid) FROM pg_locks wanted JOIN pg_locks held USING (pid)"
        " JOIN pg_database ON pg_database.oid = held.database"
        " WHERE NOT wanted.granted AND datname = current_database()"
    )
    return int(waiting)


async def test_sources_without_a_queue_are_not_locked(database: Database, rows: Rows) -> None:
    """Their operator's interactions and settings can change while a transaction locks them."""
    rows.executescript(THREE_SOURCES)
    closed, moved = [add_interaction(rows, 1, 1) for _ in range(2)]
    waits = add_interaction(rows, 2, None)
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM sources WHERE id = 3 FOR UPDATE")

    await interactions.close(database, closed)
    await interactions.assign(database, moved, 2)
    await operators.update(database, 1, {"load_limit": 5})
    rows.execute("ROLLBACK")

    assert [(closed, 1, False), (moved, 2, True), (waits, 1, True)] == rows.execute(
        "SELECT id, operator_id, is_active FROM interactions ORDER BY id"
    )


async def test_interaction_queued_while_a_close_waits(database: Database, rows: Rows) -> None:
    """The transaction of the close assigns it to the operator that the close frees."""
    rows.executescript(THREE_SOURCES)
    held = add_interaction(rows, 1, 1)
    # As intake for source 2, which finds the operator at its limit.
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM sources WHERE id = 2 FOR NO KEY UPDATE")
    rows.execute("SELECT 1 FROM operators WHERE id = 1 FOR NO KEY UPDATE")
    add_interaction(rows, 2, None)
    closing = asyncio.create_task(interactions.close(database, held))
    await until(lambda: waiting_sessions(rows) == 1)
    rows.execute("COMMIT")
    await closing

    [(closed_by, _), (assigned_by, operator_id)] = rows.execute(
        "SELECT xmin::text, operator_id FROM interactions ORDER BY id"
    )
    assert 1 == operator_id
    assert closed_by == assigned_by


@pytest.mark.parametrize(
    "free_operator",
    [
        lambda database: interactions.close(database, 1),
        lambda database: operators.update(database, 1, {"load_limit": 2}),
    ],
    ids=["close", "change"],
)
async def test_queue_that_begins_meanwhile_is_locked_in_order(
    database: Database,
    rows: Rows,
    database_url: str,
    free_operator: Callable[[Database], Coroutine[Any, Any, object]],
) -> None:
    """No operator stays locked while the transaction waits for a source: that could deadlock."""
    rows.executescript(THREE_SOURCES)
    add_interaction(rows, 1, 1)
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM sources WHERE id = 2 FOR NO KEY UPDATE")
    rows.execute("SELECT 1 FROM operators WHERE id = 1 FOR NO KEY UPDATE")
    waits = add_interaction(rows, 2, None)
    freeing = asyncio.create_task(free_operator(database))
    await until(lambda: waiting_sessions(rows) == 1)
    with open_rows(database_url) as intake:
        intake.execute("BEGIN")
        locking = asyncio.create_task(
            asyncio.to_thread(
                intake.execute, "SELECT 1 FROM sources WHERE id = 2 FOR NO KEY UPDATE"
            )
        )
        await until(lambda: waiting_sessions(rows) == 2)
        rows.execute("COMMIT")
        await locking
        await until(lambda: waiting_sessions(rows) == 1)
        intake.execute("SELECT 1 FROM operators WHERE id = 1 FOR NO KEY UPDATE NOWAIT")
        intake.execute("COMMIT")
    await freeing

    assert [(1,)] == rows.execute(f"SELECT operator_id FROM interactions WHERE id = {waits}")


async def test_interaction_moved_while_its_close_waits(database: Database, rows: Rows) -> None:
    """The operator that has the interaction when it is closed gets the next that waits."""
    rows.executescript(THREE_SOURCES)
    rows.execute(
        "INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (3, 2, 1)"
    )
    rows.execute("UPDATE operators SET load_limit = 1")
    held = add_interaction(rows, 1, 1)
    waits = add_interaction(rows, 3, None)
    # As a manual assignment to operator 2, while another interaction fills operator 1.
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM sources WHERE id = 1 FOR NO KEY UPDATE")
    rows.execute(f"UPDATE interactions SET operator_id = 2 WHERE id = {held}")
    add_interaction(rows, 1, 1)
    closing = asyncio.create_task(interactions.close(database, held))
    await until(lambda: waiting_sessions(rows) == 1)
    rows.execute("COMMIT")
    await closing

    assert [(2,)] == rows.execute(f"SELECT operator_id FROM interactions WHERE id = {waits}")


ONE_OPERATOR = """
INSERT INTO sources (id, description) VALUES (1, 'bot'), (2, 'bot');
INSERT INTO operators (id, name, active) VALUES (1, 'Maria', true), (2, 'Ivan', true);
INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (1, 1, 1), (2, 2, 1);
"""


async def test_batch_takes_four_round_trips(database: Database, rows: Rows) -> None:
    """BEGIN with locks, reads, writes, COMMIT: with new leads, keys and several sources, too."""
    rows.executescript(ONE_OPERATOR)
    batches = [
        [
            Inquiry(
                CreateInteraction(email=f"lead{batch}.{number}@example.com", source_id=source_id),
                f"key{batch}.{number}",
            )
            for number, source_id in enumerate((1, 2, 99))
        ]
        for batch in range(2)
    ]
    sent: list[str] = []
    # The first batch of a connection also prepares statements.
    async with database.writing() as session:
        await record(session, batches[0])
        await session.commit()
        driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        await session.commit()
        with driver.query_logger(lambda query: sent.append(query.query)):
            await record(session, batches[1])
            await session.commit()
            await asyncio.sleep(0)

    assert ["BEGIN;EXECUTE", "SELECT", "WITH", "COMMIT"] == [sql.split()[0] for sql in sent]
    # Nothing is left out for the source that does not exist.
    assert [(4, 4)] == rows.execute("SELECT count(*), max(id) FROM interactions")


async def test_lead_created_by_another_process_meanwhile(database: Database, rows: Rows) -> None:
    """An inquiry whose lead another process is creating gets that lead, and is written once."""
    rows.executescript(ONE_OPERATOR)
    rows.execute("BEGIN")
    rows.execute(
        "INSERT INTO leads (uuid, email, created_at)"
        " VALUES ('22222222-2222-2222-2222-222222222222', 'lead@example.com', now())"
    )
    inquiries = [
        Inquiry(CreateInteraction(email=email, source_id=1))
        for email in ("another@example.com", "lead@example.com")
    ]
    recording = asyncio.create_task(database.write(partial(record, inquiries=inquiries)))
    await until(lambda: waiting_sessions(rows) == 1)
    rows.execute("COMMIT")
    recorded = await recording

    leads = [each.interaction.lead_uuid for each in recorded if isinstance(each, Recorded)]
    assert UUID(int=0x22222222222222222222222222222222) == leads[1]
    assert [(2,)] == rows.execute("SELECT count(*) FROM interactions")


async def test_weights_replaced_while_a_batch_waits(database: Database, rows: Rows) -> None:
    """A batch chooses by the weights that are committed when it has the lock of its source.

    It then also has the locks of the operators that these weights have brought.
    """
    rows.executescript(ONE_OPERATOR)
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM sources WHERE id = 1 FOR NO KEY UPDATE")
    rows.execute("UPDATE source_operator_settings SET operator_id = 2 WHERE source_id = 1")
    inquiry = Inquiry(CreateInteraction(email="lead@example.com", source_id=1))
    free: list[tuple[Any, ...]] = []

    async def work(session: WriteSession) -> Any:
        [recorded] = await record(session, [inquiry])
        free.extend(rows.execute("SELECT id FROM operators FOR NO KEY UPDATE SKIP LOCKED"))
        return recorded

    recording = asyncio.create_task(database.write(work))
    await until(lambda: waiting_sessions(rows) == 1)
    rows.execute("COMMIT")

    assert 2 == (await recording).interaction.operator_id
    assert [(1,)] == free


async def test_source_created_while_a_batch_waits(
    database: Database, database_url: str, rows: Rows
) -> None:
    """Its inquiries come too early: the batch holds no lock of the source and its operators."""
    rows.executescript(ONE_OPERATOR)
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM operators WHERE id = 1 FOR NO KEY UPDATE")
    inquiries = [
        Inquiry(CreateInteraction(email="lead@example.com", source_id=source_id))
        for source_id in (1, 7)
    ]
    recording = asyncio.create_task(database.write(partial(record, inquiries=inquiries)))
    await until(lambda: waiting_sessions(rows) == 1)
    with open_rows(database_url) as admin:
        admin.executescript(
            "INSERT INTO sources (id, description) VALUES (7, 'bot');"
            "INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (7, 2, 1)"
        )
    rows.execute("COMMIT")
    recorded = await recording

    assert [Recorded, SourceNotFound] == list(map(type, recorded))


@pytest.mark.timeouts
async def test_lock_that_a_batch_does_not_get(database: Database, rows: Rows) -> None:
    """The batch fails after the lock timeout; its connection serves the next one."""
    rows.executescript(ONE_OPERATOR)
    inquiry = Inquiry(CreateInteraction(email="lead@example.com", source_id=1))
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM sources WHERE id = 1 FOR UPDATE")
    with pytest.raises(DatabaseUnavailable):
        await database.write(partial(record, inquiries=[inquiry]))
    rows.execute("COMMIT")
    await database.write(partial(record, inquiries=[inquiry]))

    assert [(1,)] == rows.execute("SELECT count(*) FROM interactions")


async def test_full_disk_is_storage_full(database: Database, rows: Rows) -> None:
    """PostgreSQL's error for a full disk becomes the service's `StorageFull`."""
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


@pytest.mark.timeouts
async def test_stuck_transaction_times_out(database: Database, rows: Rows) -> None:
    """A session ends after its timeout, whatever it waits for."""
    with pytest.raises(DatabaseUnavailable):
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")
            await asyncio.Event().wait()

    assert [] == rows.execute(NAMES)


async def test_values_stay_out_of_the_error(database: Database) -> None:
    """PostgreSQL reports values that violate a constraint; the error that is logged does not."""
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
    """Open and close the database, as each process of the service does."""
    async with Database(url).serving():
        pass


async def test_durable_server_causes_no_warning(
    durable_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With PostgreSQL's default settings, the start logs nothing."""
    await start_and_stop(durable_url)

    assert [] == caplog.messages


async def test_asynchronous_commit_causes_a_warning(
    durable_url: str, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """A setting by which a crash may lose a 201 is logged in one line at the start."""
    rows.execute(f"ALTER DATABASE {make_url(durable_url).database} SET synchronous_commit = off")

    await start_and_stop(durable_url)

    assert [
        "PostgreSQL: synchronous_commit is off: a crash may lose requests answered with 201."
    ] == caplog.messages


async def test_fsync_off_causes_a_warning(
    database_url: str, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that does not sync its writes is logged in one line at the start."""
    if rows.execute("SHOW fsync") != [("off",)]:
        pytest.skip("the server of TEST_DATABASE_URL syncs, and tests do not change its settings")

    await start_and_stop(database_url)

    assert [
        "PostgreSQL: fsync is off: a crash of the machine may corrupt the database."
    ] == caplog.messages


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"username": "stranger"}, 'role "stranger" does not exist'),
        ({"port": 1}, "Connect call failed"),
    ],
)
async def test_unusable_database_is_named(
    database_url: str, change: dict[str, Any], reason: str
) -> None:
    """The start fails with the reason, which does not include the password."""
    url = make_url(database_url).set(password="hush-hush", **change)

    with pytest.raises(StartupError, match=reason) as refused:
        await start_and_stop(url.render_as_string(hide_password=False))

    assert "hush" not in str(refused.value)
