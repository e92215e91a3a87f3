"""Which queues an operator can take from, however many sources it has."""

import pytest

from app.crud import InteractionCRUD, LeadCRUD, QueueCRUD
from app.crud.queue import FEW
from app.db.database import Database
from tests.support.rows import Rows


@pytest.mark.parametrize("sources", [3, FEW + 1, FEW + 2])
async def test_oldest_of_an_operator(database: Database, rows: Rows, sources: int) -> None:
    """The oldest interaction of each queue where the operator has a weight above 0.

    In one source it has none: of the numbers, only the last makes more than `FEW`.
    """
    rows.executescript(
        "INSERT INTO operators (id, name, active) VALUES (1, 'Maria', true), (2, 'Boris', true);"
        "WITH RECURSIVE numbers (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM numbers"
        f" WHERE id <= {sources}) INSERT INTO sources (id, description)"
        " SELECT id, 'bot' FROM numbers;"
        "INSERT INTO source_operator_settings (source_id, operator_id, weight)"
        f" SELECT id, 1, CASE id WHEN 2 THEN 0 ELSE 1 END FROM sources WHERE id <= {sources};"
        "INSERT INTO source_operator_settings (source_id, operator_id, weight)"
        f" VALUES ({sources + 1}, 2, 1)"
    )
    async with database.writing() as session:
        lead = await LeadCRUD(session).get_or_create_by_email("lead@example.com")
        for source_id in (1, 1, 2, 3, sources + 1):
            await InteractionCRUD(session).create(lead.uuid, source_id)
    async with database.reading() as session:
        oldest = await QueueCRUD(session).get_oldest_of_operator(1)

    assert {1: 1, 3: 4} == oldest
