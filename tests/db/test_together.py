"""Statements that run together do what they do one after the other, or nothing at all."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, insert, select

from app.core.errors import RolledBack
from app.db.bulk.statement import bulk_insert, bulk_update
from app.db.bulk.together import Query, read_together, writing_together
from app.db.database import Database
from app.db.session import WriteSession
from app.models import Base
from tests.support.kinds import only_postgres
from tests.support.rows import Rows

_leads, _operators, _sources = (
    Base.metadata.tables[name] for name in ("leads", "operators", "sources")
)
UUIDS = [UUID(int=1), UUID(int=2)]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
NAMES = "SELECT name FROM operators ORDER BY id"
INSERT_LEADS = bulk_insert(insert(_leads), ["uuid", "email"], shared=["created_at"])
INSERT_OPERATORS = bulk_insert(insert(_operators), ["name", "active"])
RENAME = bulk_update(_operators, keys=["id"], columns=["name"])


@pytest.fixture(autouse=True)
def operators(rows: Rows) -> None:
    """Two operators, with ids 1 and 2."""
    rows.execute("INSERT INTO operators (name, active) VALUES ('Maria', true), ('Ivan', true)")


def all_rows(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """The rows of a query, as they are."""
    return [tuple(row) for row in rows]


async def test_each_query_gets_its_rows(database: Database) -> None:
    """Rows keep their order, types and NULLs; a query without rows gets none."""
    async with database.writing() as session:
        await INSERT_LEADS.run(session, [(UUIDS[0], "a@example.com")], NOW)
        names = Query(
            select(_operators.c.name, _operators.c.load_limit).order_by(_operators.c.id.desc()),
            {},
            all_rows,
        )
        none = Query(select(_sources.c.id, _sources.c.sticky), {}, all_rows)
        leads = Query(
            select(_leads).where(_leads.c.email == bindparam("email")),
            {"email": "a@example.com"},
            all_rows,
        )
        await read_together(session, names, none, leads)

    assert [("Ivan", None), ("Maria", None)] == names.result
    assert [] == none.result
    assert [(UUIDS[0], "a@example.com", NOW)] == leads.result


async def test_all_is_written_when_the_block_ends(database: Database, rows: Rows) -> None:
    """Inserts and updates of several tables, also of a row for which there is only its time."""
    async with database.writing() as session:
        async with writing_together(session, "uq_leads_email"):
            await INSERT_LEADS.run(
                session, list(zip(UUIDS, ["a@example.com", "b@example.com"], strict=True)), NOW
            )
            await RENAME.run(session, [(1, "Anna"), (2, "Boris")])
        async with writing_together(session, "uq_leads_email"):
            pass

    assert [("Anna",), ("Boris",)] == rows.execute(NAMES)
    assert [("a@example.com",), ("b@example.com",)] == rows.execute(
        "SELECT email FROM leads ORDER BY email"
    )


@only_postgres
async def test_block_that_raises_writes_nothing(database: Database, rows: Rows) -> None:
    """Its statements are not sent, and later ones run at once again."""
    async with database.writing() as session:
        with pytest.raises(ZeroDivisionError):
            async with writing_together(session, "uq_leads_email"):
                await RENAME.run(session, [(1, "Anna")])
                raise ZeroDivisionError
        await RENAME.run(session, [(2, "Boris")])

    assert [("Maria",), ("Boris",)] == rows.execute(NAMES)


@only_postgres
async def test_row_inserted_meanwhile_rolls_back(database: Database, rows: Rows) -> None:
    """The transaction is retried, and finds the row that another one has inserted."""
    attempts = 0

    async def work(session: WriteSession) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            rows.execute(
                f"INSERT INTO leads VALUES ('{UUIDS[0]}', 'a@example.com', '2026-01-01T00:00:00Z')"
            )
        async with writing_together(session, "uq_leads_email"):
            email = "a@example.com" if attempts == 1 else "b@example.com"
            await INSERT_LEADS.run(session, [(UUIDS[1], email)], NOW)

    await database.write(work)

    assert 2 == attempts
    assert [("a@example.com",), ("b@example.com",)] == rows.execute(
        "SELECT email FROM leads ORDER BY email"
    )


@only_postgres
async def test_other_violations_are_not_retried(database: Database, rows: Rows) -> None:
    """A row that no retry could write is the service's own fault."""
    attempts = 0

    async def work(session: WriteSession) -> None:
        nonlocal attempts
        attempts += 1
        async with writing_together(session, "uq_leads_email"):
            await INSERT_OPERATORS.run(session, [(None, True)])

    with pytest.raises(Exception, match="null value") as raised:
        await database.write(work)

    assert 1 == attempts
    assert not isinstance(raised.value, RolledBack)
