"""Weights are replaced as a whole; only active operators are candidates."""

import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from app.crud import (
    Candidate,
    LockCRUD,
    OperatorCRUD,
    Rotation,
    SourceCRUD,
    SourceOperatorSettingCRUD,
)
from app.db.database import Database
from app.db.session import WriteSession
from tests.support.kinds import only_postgres
from tests.support.rows import Rows


async def create_source_with(session: WriteSession, weights: dict[str, int]) -> int:
    """A source with operators of these names and weights, numbered from 1; returns its id."""
    source = await SourceCRUD(session).create(description="bot")
    operators = {name: (await OperatorCRUD(session).create(name=name)).id for name in weights}
    await SourceOperatorSettingCRUD(session).replace_source_weights(
        source.id, [(operators[name], weight) for name, weight in weights.items()]
    )
    return source.id


async def test_replacing_leaves_nothing_of_the_old_list(database: Database) -> None:
    """An operator that is not in the new list has no setting."""
    async with database.writing() as session:
        source_id = await create_source_with(session, {"Maria": 10, "Boris": 20})
        settings = SourceOperatorSettingCRUD(session)
        await settings.replace_source_weights(source_id, {2: 5})
        kept = [
            (setting.operator_id, setting.weight)
            for setting in await settings.list_by_source(source_id)
        ]
        await settings.replace_source_weights(source_id, {})
        emptied = await settings.list_by_source(source_id)

    assert [(2, 5)] == kept
    assert [] == list(emptied)


async def test_only_what_changes_is_written(database: Database, rows: Rows) -> None:
    """Operators that stay keep their rows, and an unchanged list draws no ids."""
    async with database.writing() as session:
        source_id = await create_source_with(session, {"Maria": 10, "Boris": 20, "Vera": 1})
        settings = SourceOperatorSettingCRUD(session)
        for _ in range(3):
            assert not await settings.replace_source_weights(source_id, {3: 1, 1: 10, 2: 20})
        await OperatorCRUD(session).create(name="Ivan")
        assert await settings.replace_source_weights(source_id, {2: 5, 3: 1, 4: 2})
        listed = [(row.operator_id, row.weight) for row in await settings.list_by_source(source_id)]

    assert [(2, 5), (3, 1), (4, 2)] == listed
    assert [(2, 2, 5), (3, 3, 1), (4, 4, 2)] == rows.execute(
        "SELECT id, operator_id, weight FROM source_operator_settings ORDER BY id"
    )


async def test_candidates_are_active(database: Database) -> None:
    """An inactive operator keeps its setting but is not a candidate."""
    async with database.writing() as session:
        source_id = await create_source_with(session, {"Maria": 10, "Boris": 20, "Vera": 0})
        await OperatorCRUD(session).update(2, {"active": False})
        settings = SourceOperatorSettingCRUD(session)
        candidates = await settings.get_candidates_for_distribution(source_id)

        assert [Candidate(1, 10), Candidate(3, 0)] == candidates
        assert 3 == len(await settings.list_by_source(source_id))


async def test_candidates_of_several_sources(database: Database) -> None:
    """Unknown sources have no entry, sources without operators an empty one."""
    async with database.writing() as session:
        first = await create_source_with(session, {"Maria": 10})
        second = await create_source_with(session, {})
        settings = SourceOperatorSettingCRUD(session)

        rotations = await settings.get_rotations([first, second, 99])

        assert {first, second} == rotations.keys()
        assert Rotation("smooth", False, False, False, [Candidate(1, 10)]) == rotations[first]
        assert [] == rotations[second].candidates
        assert [] == await settings.get_candidates_for_distribution(99)


@pytest.mark.parametrize("weight", [-1, 1_000_001])
async def test_weight_out_of_range_is_refused_by_the_database(
    database: Database, weight: int
) -> None:
    """The bounds hold however a row is written."""
    with pytest.raises(IntegrityError):
        async with database.writing() as session:
            await create_source_with(session, {"Maria": weight})


@only_postgres
async def test_operators_of_new_weights_are_locked(database: Database, rows: Rows) -> None:
    """A transaction that waits for the source locks the operators of weights put meanwhile."""
    async with database.writing() as session:
        source_id = await create_source_with(session, {"Maria": 10, "Boris": 20})
        await SourceOperatorSettingCRUD(session).replace_source_weights(source_id, {1: 10})
    waits = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    free = "SELECT id FROM operators FOR NO KEY UPDATE SKIP LOCKED"

    async def choose(session: WriteSession) -> None:
        rotations = await SourceOperatorSettingCRUD(session).lock_rotations([source_id])
        assert [Candidate(2, 20)] == rotations[source_id].candidates
        assert (2,) not in rows.execute(free)

    async with database.writing() as admin:
        settings = SourceOperatorSettingCRUD(admin)
        await LockCRUD(admin).lock([source_id])
        choosing = asyncio.create_task(database.write(choose))
        while rows.execute(waits) == [(0,)]:
            assert not choosing.done()
            await asyncio.sleep(0.01)
        await settings.replace_source_weights(source_id, {2: 20})
    await choosing

    assert [(1,), (2,)] == rows.execute(free)
