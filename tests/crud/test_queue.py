"""Which queues an operator can take from, however many sources it has."""

from collections.abc import AsyncIterator

import pytest

from app.crud import InteractionCRUD, LeadCRUD, LockCRUD, Locked, QueueCRUD
from app.crud.queue import FEW
from app.db.database import Database
from app.db.session import WriteSession
from tests.support.kinds import only_postgres
from tests.support.rows import Rows


@pytest.fixture(params=[3, FEW + 1, FEW + 2])
async def session(
    request: pytest.FixtureRequest, database: Database, rows: Rows
) -> AsyncIterator[WriteSession]:
    """Maria has `request.param` sources, with weight 0 in the second; Boris has one other source.

    Five interactions wait in four of the sources: 1, 1, 2, 3, and that of Boris. Maria has the
    sixth, Boris the seventh. Of the numbers, only the last makes more than `FEW`.
    """
    sources = request.param
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
        for operator_id in (1, 2):
            await InteractionCRUD(session).create(lead.uuid, 2, operator_id)
        yield session


async def test_oldest_of_an_operator(session: WriteSession) -> None:
    """The oldest interaction of each queue where the operator has a weight above 0."""
    assert {1: 1, 3: 4} == await QueueCRUD(session).get_oldest_of_operator(1)


async def test_place_of_an_interaction(session: WriteSession) -> None:
    """It comes with the queues of the operator that has it; there are none where it waits."""
    queues = QueueCRUD(session)
    found = [await queues.get_place_and_oldest(id) for id in (6, 7, 1, 8)]

    assert [(2, 1, True), (2, 2, True), (1, None, True), None] == [
        each and each[0][:3] for each in found
    ]
    of_maria, of_boris, waiting, _ = (each and each[1] for each in found)
    assert {1: 1, 3: 4} == of_maria
    assert [5] == list((of_boris or {}).values())
    assert {} == waiting


async def test_waiting_are_listed_from_an_id_to_another(session: WriteSession) -> None:
    """The oldest first, of these sources, and no more than asked for."""
    interactions = InteractionCRUD(session)
    every = await interactions.list_waiting([1, 2, 3], limit=9)
    between = await interactions.list_waiting([1, 2, 3], limit=9, since=2, before=4)
    one = await interactions.list_waiting([1, 3], limit=1, since=2)

    assert [1, 2, 3, 4] == [row.id for row in every]
    assert [2, 3] == [row.id for row in between]
    assert [2] == [row.id for row in one]


@only_postgres
async def test_locks_of_an_interaction(session: WriteSession) -> None:
    """Its source, and the sources of the oldest queues of its operator; with their operators."""
    locks = LockCRUD(session)
    locked = await locks.lock_interaction(6, limit=1)
    more = await locks.lock_interaction(6, 2, limit=2)
    waiting = await locks.lock_interaction(1, limit=2)
    unknown = await locks.lock_interaction(8, limit=2)

    assert Locked(frozenset([1, 2]), frozenset([1])) == locked
    assert Locked(frozenset([1, 2, 3]), frozenset([1, 2])) == more
    assert Locked(frozenset([1]), frozenset([1])) == waiting
    assert Locked() == unknown


@only_postgres
async def test_locks_of_an_operator(session: WriteSession) -> None:
    """It, and the sources of its oldest queues, if there is such an operator."""
    locks = LockCRUD(session)

    assert Locked(frozenset([1]), frozenset([1])) == await locks.lock_operator(1, limit=1)
    assert Locked(frozenset([1, 3]), frozenset([1])) == await locks.lock_operator(1, limit=9)
    assert Locked() == await locks.lock_operator(3, limit=9)
