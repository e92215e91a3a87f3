"""Every query of the interface is answered from an index, in order, without a sort."""

import itertools
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from app.crud import InteractionCRUD, LeadCRUD
from app.db.database import Database, ReadSession

FILTERS = ("operator_id", "source_id", "is_active")


async def plan_of(database: Database, session: ReadSession, call: str, **arguments: object) -> str:
    """What SQLite says of how it answers a repository's call."""
    statements: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    await getattr(InteractionCRUD(session), call)(**arguments)
    event.remove(engine, "before_cursor_execute", note)
    [(statement, parameters)] = statements
    connection = await session.connection()
    rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return " | ".join(str(row.detail) for row in rows)


@pytest.mark.parametrize("waiting", [None, True])
@pytest.mark.parametrize(
    "values", list(itertools.product([None, 1], [None, 1], [None, True, False]))
)
async def test_every_filter_has_its_index(
    database: Database, values: tuple[int | bool | None, ...], waiting: bool | None
) -> None:
    """No combination of filters walks the table or sorts what it found."""
    async with database.reading() as session:
        filters = dict(zip(FILTERS, values, strict=True))
        plan = await plan_of(
            database, session, "list_page", limit=10, after=5, waiting=waiting, **filters
        )

    if any(value is not None for value in (*values, waiting)):
        assert "SEARCH interactions USING INDEX ix_interactions_" in plan or (
            "SCAN interactions USING INDEX ix_interactions_" in plan
        ), plan
    else:
        assert "SEARCH interactions USING INTEGER PRIMARY KEY" in plan, plan
    assert "TEMP B-TREE" not in plan, plan


async def test_interactions_of_a_lead_have_their_index(database: Database) -> None:
    """One look-up of the lead, one range of an index."""
    async with database.reading() as session:
        plan = await plan_of(
            database, session, "list_by_lead", lead_uuid=uuid4(), limit=10, after=5
        )

    assert "ix_interactions_lead_uuid_id (lead_uuid=? AND id>?)" in plan, plan
    assert "SCAN" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


async def test_leads_are_found_by_index(database: Database) -> None:
    """The unique key on the address serves the search."""
    async with database.reading() as session:
        await LeadCRUD(session).get_by_email("lead@example.com")
        plan = await session.execute(
            text("EXPLAIN QUERY PLAN SELECT uuid FROM leads WHERE email = 'lead@example.com'")
        )

    assert "SEARCH leads USING INDEX" in str(plan.all())
