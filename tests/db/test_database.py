"""Read sessions, write sessions, and their errors."""

import asyncio
import sqlite3
import threading
from functools import partial
from pathlib import Path
from threading import Event

import anyio
import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from app.core.errors import DatabaseUnavailable, ServiceError, StartupError, StorageFull
from app.crud import LeadCRUD, OperatorCRUD
from app.db.bulk.statement import bulk_insert
from app.db.database import Database
from app.db.session import WriteSession
from app.db.sqlite_driver import InThreadConnection
from app.models import Base
from tests.support.events import passing
from tests.support.kinds import only_sqlite
from tests.support.rows import Rows

COUNT = "SELECT count(*) FROM operators"


async def test_writing_commits_when_the_block_ends(database: Database, rows: Rows) -> None:
    """Other connections see the rows once the block has ended, and not before."""
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Maria")
        before = rows.execute(COUNT).fetchone()

    assert (0,) == before
    assert (1,) == rows.execute(COUNT).fetchone()


async def test_writing_rolls_back_when_the_block_raises(database: Database, rows: Rows) -> None:
    """An error inside the block rolls back its rows; the next transaction is not affected."""
    with pytest.raises(RuntimeError):
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")
            raise RuntimeError

    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Boris")

    assert [("Boris",)] == rows.execute("SELECT name FROM operators").fetchall()


async def test_cancelled_work_is_all_or_nothing(database: Database, rows: Rows) -> None:
    """A cancelled caller's transaction ends before the next begins, which is not affected."""
    started = Event()
    steps = 0

    async def work(session: WriteSession) -> None:
        nonlocal steps
        for number in range(100):
            await OperatorCRUD(session).create(name=f"Operator {number}")
            steps += 1
            started.set()

    writing = asyncio.create_task(database.write(work))
    await passing(started)
    writing.cancel()
    await asyncio.wait({writing})
    steps_when_cancelled = steps
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Boris")

    assert writing.cancelled()
    assert steps_when_cancelled == steps
    assert rows.execute("SELECT count(*) FROM operators").fetchone() in [(1,), (101,)]


_INSERT = bulk_insert(insert(Base.metadata.tables["operators"]), columns=["name", "active"])


async def insert_operators(session: WriteSession, *names: str) -> None:
    """Insert operators by a statement that may run on the driver itself."""
    await _INSERT.run(session, [(name, True) for name in names])


async def test_error_of_a_flush_is_raised_as_it_is(database: Database, rows: Rows) -> None:
    """A flush that fails rolls back the work, and its error reaches the caller."""

    async def work(session: WriteSession) -> None:
        await OperatorCRUD(session).create(name="Maria")
        await OperatorCRUD(session).create(id=1, name="Boris")

    with pytest.raises(IntegrityError):
        await database.write(work)
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Vera")

    assert [("Vera",)] == rows.execute("SELECT name FROM operators").fetchall()


async def test_work_that_rolls_back_goes_on_in_a_new_transaction(
    database: Database, rows: Rows
) -> None:
    """What it wrote before is not written; what it writes then is all or nothing."""

    async def work(session: WriteSession, *, fails: bool) -> None:
        await insert_operators(session, "Maria")
        await session.rollback()
        await insert_operators(session, "Boris", "Ivan")
        if fails:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(partial(work, fails=True))
    assert [] == rows.execute("SELECT name FROM operators").fetchall()
    await database.write(partial(work, fails=False))

    assert [("Boris",), ("Ivan",)] == rows.execute("SELECT name FROM operators ORDER BY id")


async def test_work_that_commits_goes_on_in_a_new_transaction(
    database: Database, rows: Rows
) -> None:
    """What it committed stays, and an error rolls back the rest, however it was written."""

    async def work(session: WriteSession) -> None:
        await insert_operators(session, "Maria")
        await OperatorCRUD(session).create(name="Vera")
        await session.commit()
        await session.execute(text("INSERT INTO operators (name, active) VALUES ('Anna', true)"))
        await insert_operators(session, "Boris", "Ivan")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(work)
    with pytest.raises(ZeroDivisionError):
        async with database.writing() as session:
            await work(session)

    assert [("Maria",), ("Vera",)] * 2 == rows.execute("SELECT name FROM operators ORDER BY id")


async def test_concurrent_writers_call_the_event_loop_from_its_own_thread(
    database: Database, rows: Rows
) -> None:
    """A connection released in another thread might never reach the task that waits for it."""
    # In debug mode the event loop refuses calls from other threads.
    asyncio.get_running_loop().set_debug(True)

    async def work(session: WriteSession) -> None:
        await OperatorCRUD(session).create(name="Maria")

    async with asyncio.timeout(10):
        await asyncio.gather(*(database.write(work) for _ in range(10)))

    assert (10,) == rows.execute("SELECT count(*) FROM operators").fetchone()


async def test_failing_commit_of_work_is_raised_and_writes_nothing(
    database: Database, rows: Rows
) -> None:
    """A COMMIT that the database refuses is an error on either path to it."""
    rows.fail_commit("operators", "new.name = 'Maria'")

    async def work(session: WriteSession, name: str) -> None:
        await OperatorCRUD(session).create(name=name)

    with pytest.raises((IntegrityError, sqlite3.IntegrityError)):
        await database.write(partial(work, name="Maria"))
    await database.write(partial(work, name="Boris"))

    assert [("Boris",)] == rows.execute("SELECT name FROM operators").fetchall()


@only_sqlite
@pytest.mark.parametrize("ticks", range(4, 14))
def test_statement_cancelled_at_shutdown_ends_before_the_event_loop(
    database_url: str, ticks: int
) -> None:
    """Whether its connection is being opened or used: its thread reports to the event loop."""
    slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000)"

    async def cancel_and_close() -> None:
        database = Database(database_url)

        async def read() -> None:
            async with database.reading() as session:
                await session.execute(text(f"{slow} SELECT max(i) FROM n"))

        async with database.serving():
            reading = asyncio.create_task(read())
            for _ in range(ticks):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait({reading})

    before = set(threading.enumerate())
    asyncio.run(cancel_and_close())

    assert set(threading.enumerate()) <= before


async def test_work_in_the_thread_awaits_its_statements_only() -> None:
    """Awaiting the event loop raises an error, and the connection stays usable."""
    connection = InThreadConnection(partial(sqlite3.connect, ":memory:"), iter_chunk_size=64)
    await connection

    async def work() -> int:
        cursor = connection.cursor()
        await cursor.execute("SELECT 7")
        return int((await cursor.fetchall())[0][0])

    with pytest.raises(RuntimeError):
        await connection.run(asyncio.sleep(0))
    seven = await connection.run(work())
    await connection.close()

    assert 7 == seven


async def test_reading_cannot_write(database: Database) -> None:
    """A reading session refuses to write."""
    with pytest.raises(ServiceError):
        async with database.reading() as session:
            await OperatorCRUD(session).create(name="Maria")


@only_sqlite
async def test_writers_run_in_order(database: Database) -> None:
    """Transactions begin in the order in which they were requested."""
    order: list[int] = []

    async def write(number: int) -> None:
        async with database.writing() as session:
            await session.execute(text(COUNT))
            order.append(number)

    await asyncio.gather(*(write(number) for number in range(30)))

    assert list(range(30)) == order


@only_sqlite
async def test_durability_and_foreign_keys_are_on(database: Database) -> None:
    """The writer syncs every commit, checks foreign keys, and uses a write-ahead log."""
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    async with database.writing() as session:
        found = {name: await session.scalar(text(f"PRAGMA {name}")) for name in pragmas}

    assert pragmas == found


async def test_orphans_are_impossible(database: Database, rows: Rows) -> None:
    """A row that references a missing row is refused."""
    with pytest.raises(IntegrityError):
        async with database.writing() as session:
            await session.execute(
                text("INSERT INTO source_operator_settings VALUES (1, 7, 7, 1, 0)")
            )

    assert (0,) == rows.execute("SELECT count(*) FROM source_operator_settings").fetchone()


async def test_failing_commit_writes_nothing(database: Database, rows: Rows) -> None:
    """A COMMIT that the database refuses is an error, and the next one succeeds."""
    rows.fail_commit("operators", "new.name = 'Maria'")
    with pytest.raises(IntegrityError):
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Boris")

    assert [("Boris",)] == rows.execute("SELECT name FROM operators").fetchall()


@pytest.mark.timeouts
async def test_locked_database_is_unavailable_and_recovers(database: Database, rows: Rows) -> None:
    """Another process's lock is an error that says to retry; after its release writes succeed."""
    rows.lock()
    with pytest.raises(DatabaseUnavailable):
        async with database.writing() as session:
            await OperatorCRUD(session).create(name="Maria")
    async with database.reading() as session:
        assert 0 == await session.scalar(text(COUNT))
    rows.rollback()
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Maria")

    assert (1,) == rows.execute(COUNT).fetchone()


@only_sqlite
async def test_full_disk_is_storage_full_and_recovers(database: Database) -> None:
    """A full disk has its own error; reads still succeed, and writes do once there is space."""
    async with database.writing() as session:
        pages = await session.scalar(text("PRAGMA page_count"))
        await session.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StorageFull):
        async with database.writing() as session:
            await LeadCRUD(session).get_or_create_by_emails(
                f"{'x' * 60}{number}@example.com" for number in range(200)
            )
    async with database.reading() as session:
        assert 0 == await session.scalar(text("SELECT count(*) FROM leads"))
    async with database.writing() as session:
        await session.execute(text("PRAGMA max_page_count = 1000000"))
        created = await LeadCRUD(session).get_or_create_by_emails(["lead@example.com"])

    assert ["lead@example.com"] == list(created)


async def test_error_in_a_statement_is_not_disguised(database: Database) -> None:
    """A statement that is wrong raises the driver's error, not one that tells clients to retry."""
    with pytest.raises((OperationalError, ProgrammingError)):
        async with database.reading() as session:
            await session.execute(text("SELECT nothing FROM leads"))


@only_sqlite
async def test_second_process_cannot_serve_the_file(
    database: Database, database_path: Path
) -> None:
    """One process serves a file: a second one fails to start with this reason."""
    with pytest.raises(StartupError, match="already serves"):
        async with Database(f"sqlite:///{database_path}").serving():
            pass


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    """If the file cannot be opened, the start fails with the reason."""
    with pytest.raises(StartupError, match="does not exist"):
        async with Database(f"sqlite:///{tmp_path}/nowhere/test.db").serving():
            pass


async def test_foreign_file_is_named(tmp_path: Path) -> None:
    """A file that is no database is left unchanged."""
    path = tmp_path / "letter.db"
    path.write_text("Dear reader, " * 500)
    with pytest.raises(StartupError, match=r"letter\.db"):
        async with Database(f"sqlite:///{path}").serving():
            pass

    assert path.read_text().startswith("Dear reader")


async def test_cancelled_writer_leaves_no_lock(database: Database, rows: Rows) -> None:
    """A writer cancelled at any moment leaves all rows or none, and the next one can write."""

    async def write() -> None:
        async with database.writing() as session:
            operators = OperatorCRUD(session)
            for name in ("first", "second"):
                await operators.create(name=name)

    for moment in range(300):
        # Such a scope cancels repeatedly until the task has left it, its clean-up included.
        with anyio.move_on_after(moment / 100_000):
            await write()
    await write()

    counts = dict(rows.execute("SELECT name, count(*) FROM operators GROUP BY name").fetchall())
    assert counts["first"] == counts["second"] >= 1
