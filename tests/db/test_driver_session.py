"""PostgreSQL only: sessions whose statements run on the driver leave their connection in order."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from app.core.errors import RolledBack, SourceNotFound
from app.crud import DailyCountCRUD, OperatorCRUD, SourceOperatorSettingCRUD
from app.db.database import Database
from app.db.postgres import WRITERS
from app.db.session import WriteSession
from tests.support.kinds import only_postgres
from tests.support.rows import Rows

pytestmark = only_postgres

NAMES = "SELECT name FROM operators ORDER BY id"


async def read_on_driver(session: WriteSession) -> None:
    """Run a statement on the driver, which begins a transaction there."""
    assert {} == await SourceOperatorSettingCRUD(session).get_rotations([1])


async def backend_of(session: WriteSession) -> int:
    """The server process of a session."""
    return int(await session.scalar(text("SELECT pg_backend_pid()")))


@pytest.fixture
def _without_collector() -> Iterator[None]:
    """The garbage collector would return lost connections, but only at some time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_collector")
async def test_lost_connections_return_to_the_pool(database: Database, rows: Rows) -> None:
    """More of them than there are connections, each lost before its work raises an error."""
    for _ in range(WRITERS + 1):
        with pytest.raises(SourceNotFound):
            async with database.writing() as session:
                await read_on_driver(session)
                rows.execute(f"SELECT pg_terminate_backend({await backend_of(session)})")
                raise SourceNotFound
    async with database.writing() as session:
        await OperatorCRUD(session).create(name="Maria")

    assert [("Maria",)] == rows.execute(NAMES)


async def test_session_that_has_committed_leaves_others_alone(
    database: Database, rows: Rows
) -> None:
    """Its connection may be another session's; to go on, it takes one of its own."""
    async with database.writing() as session:
        await read_on_driver(session)
        await OperatorCRUD(session).create(name="Maria")
        await session.commit()
        async with database.writing() as other:
            await read_on_driver(other)
            await OperatorCRUD(other).create(name="Boris")
            await read_on_driver(session)
            assert await backend_of(session) != await backend_of(other)
            await session.rollback()

    assert [("Maria",), ("Boris",)] == rows.execute(NAMES)


async def test_commit_after_an_error_that_was_not_raised(database: Database, rows: Rows) -> None:
    """PostgreSQL answers it with a rollback: nothing counts as committed."""
    committed: list[str] = []

    async def write(session: WriteSession) -> None:
        await read_on_driver(session)
        await OperatorCRUD(session).create(name="Maria")
        session.on_commit(lambda: committed.append("Maria"))
        await session.flush()
        with pytest.raises(Exception, match="null value"):
            await DailyCountCRUD(session).add({(None, None, None): (1, 1, 1, 1)})  # type: ignore[dict-item]  # wrong on purpose

    with pytest.raises(RolledBack):
        async with database.writing() as session:
            await write(session)

    assert [] == committed
    assert [] == rows.execute(NAMES)


async def test_cancelled_statement_frees_its_connection(database: Database, rows: Rows) -> None:
    """Also if it waits for a lock on the driver; later work gets a connection without one."""
    rows.execute("INSERT INTO sources (description) VALUES ('bot')")
    rows.execute("BEGIN")
    rows.execute("SELECT 1 FROM sources FOR UPDATE")

    async def work(session: WriteSession) -> Any:
        return await SourceOperatorSettingCRUD(session).lock_rotations([1])

    for _ in range(WRITERS + 1):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.write(work)
    rows.execute("COMMIT")

    assert {1} == (await database.write(work)).keys()
