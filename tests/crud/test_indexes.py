"""Every query of the interface is answered from an index, in order, without a sort.

SQLite plans so for an empty database; PostgreSQL plans by what is in the tables.
"""

import itertools
import re
from collections.abc import Awaitable
from typing import Any
from uuid import uuid4

import pytest

from app.crud import InteractionCRUD, LeadCRUD, OperatorCRUD, QueueCRUD
from app.db.database import Database
from app.db.session import ReadSession, WriteSession
from app.schemas import CreateInteraction
from app.services.intake import Inquiry, record
from app.services.queue import assign_waiting_of_source
from app.services.reports import report_source
from tests.support.kinds import only_sqlite
from tests.support.rows import Rows
from tests.support.statements import noted

pytestmark = only_sqlite

FILTERS = ("operator_id", "source_id", "is_active")


async def plans_of(session: ReadSession | WriteSession, call: Awaitable[object]) -> list[str]:
    """SQLite's query plan for each statement of a call."""
    with noted(session) as statements:
        await call
    connection = await session.connection()
    plans = []
    for sql, parameters in statements:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
        plans.append(" | ".join(str(row.detail) for row in rows))
    return plans


@pytest.mark.parametrize("waiting", [None, True])
@pytest.mark.parametrize(
    "values", list(itertools.product([None, 1], [None, 1], [None, True, False]))
)
async def test_every_filter_has_its_index(
    database: Database, values: tuple[int | bool | None, ...], waiting: bool | None
) -> None:
    """No combination of filters scans the table or sorts its rows."""
    async with database.reading() as session:
        filters: dict[str, Any] = dict(zip(FILTERS, values, strict=True))
        [plan] = await plans_of(
            session,
            InteractionCRUD(session).list_page(limit=10, after=5, waiting=waiting, **filters),
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
        [plan] = await plans_of(
            session, InteractionCRUD(session).list_by_lead(uuid4(), limit=10, after=5)
        )

    assert "ix_interactions_lead_uuid_id (lead_uuid=? AND id>?" in plan, plan
    assert "SCAN" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


async def test_leads_are_found_by_index(database: Database) -> None:
    """The unique constraint on the address serves the search."""
    async with database.reading() as session:
        [plan] = await plans_of(session, LeadCRUD(session).get_by_email("lead@example.com"))

    assert "SEARCH leads USING INDEX" in plan


async def test_report_on_a_source_has_its_indexes(database: Database, rows: Rows) -> None:
    """The days of a period are summed, and waiting interactions counted from their own index."""
    rows.execute("INSERT INTO sources (id, description) VALUES (1, 'bot')")
    async with database.reading() as session:
        _, _, days, waiting = await plans_of(session, report_source(session, 1))

    assert days.startswith(
        "SEARCH daily_counts USING PRIMARY KEY (source_id=? AND day>? AND day<?)"
    ), days
    assert waiting == (
        "SEARCH interactions USING INDEX ix_interactions_waiting_source_id_id (source_id=?)"
    )


async def test_report_on_operators_has_its_indexes(database: Database) -> None:
    """Loads and queues are ranges of indexes; the queues are counted once for all operators."""
    async with database.reading() as session:
        [plan] = await plans_of(session, OperatorCRUD(session).list_loads(limit=10))

    assert "ix_interactions_active_operator_id_id (operator_id=?)" in plan, plan
    assert "ix_interactions_waiting_source_id_id (source_id=?)" in plan, plan
    assert "MATERIALIZE queues" in plan, plan
    assert "sqlite_autoindex_source_operator_settings_1 (source_id=?)" in plan, plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan, plan
    assert ["SCAN sources", "SCAN queues"] == re.findall(r"SCAN \w+", plan), plan


async def test_intake_and_queue_scan_no_table(database: Database, rows: Rows) -> None:
    """However many leads there are, a batch finds its own; lists of values come from JSON."""
    rows.executescript(
        "INSERT INTO sources (id, description, sticky, enforce_load_limit)"
        " VALUES (1, 'bot', true, true);"
        "INSERT INTO operators (id, name, active, load_limit) VALUES (1, 'Maria', true, 1);"
        "INSERT INTO source_operator_settings (source_id, operator_id, weight) VALUES (1, 1, 1)"
    )
    inquiries = [
        Inquiry(CreateInteraction(email=f"lead{number}@example.com", source_id=1), f"key{number}")
        for number in range(3)
    ]
    async with database.writing() as session:
        plans = await plans_of(session, record(session, inquiries))
        await OperatorCRUD(session).update(1, {"load_limit": 3})
        plans += await plans_of(session, assign_waiting_of_source(session, 1))

    assert any("SEARCH leads USING INDEX" in plan for plan in plans)
    for plan in plans:
        assert {"json_each", "active_ones"} >= set(re.findall(r"SCAN (\w+)", plan)), plan


async def test_queues_are_found_from_waiting_interactions(database: Database, rows: Rows) -> None:
    """Sources and settings without a queue are not scanned, however many an operator has."""
    rows.executescript(
        "INSERT INTO operators (id, name, active) VALUES (1, 'Maria', true);"
        "WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers"
        " WHERE id < 101) INSERT INTO sources (id, description) SELECT id, 'bot' FROM numbers;"
        "INSERT INTO source_operator_settings (source_id, operator_id, weight)"
        " SELECT id, 1, 1 FROM sources;"
        "INSERT INTO leads (uuid, email, created_at) VALUES (x'00', 'a', '2026-01-01');"
        "INSERT INTO interactions (lead_uuid, source_id, is_active, created_at)"
        " VALUES (x'00', 7, true, '2026-01-01')"
    )
    async with database.reading() as session:
        queues = QueueCRUD(session)
        [every] = await plans_of(session, queues.list_all())
        [of_operator] = await plans_of(session, queues.get_oldest_of_operator(1))
        [place] = await plans_of(session, queues.get_place_and_oldest(1))
        [available] = await plans_of(session, queues.get_available([1]))

    assert "USING INDEX ix_interactions_waiting_source_id_id (source_id>?)" in every, every
    assert {"CONSTANT", "queues"} == set(re.findall(r"SCAN (\w+)", every)), every
    assert "(source_id=? AND operator_id=?)" in of_operator, of_operator
    assert {"CONSTANT", "few", "queues"} == set(re.findall(r"SCAN (\w+)", of_operator)), of_operator
    assert {"CONSTANT", "few", "queues", "of_its_operator"} == set(
        re.findall(r"SCAN (\w+)", place)
    ), place
    assert "SEARCH sources USING INTEGER PRIMARY KEY (rowid=?)" in available, available
    assert "SCAN sources" not in available, available
