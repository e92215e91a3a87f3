"""Interactions are written one by one or in batches, and closed once."""

from datetime import UTC

import pytest
from sqlalchemy.orm import selectinload

from app.crud import InteractionCRUD, LeadCRUD, OperatorCRUD, SourceCRUD
from app.crud.interaction import InteractionRow, NewInteraction
from app.db.database import Database
from app.db.session import WriteSession
from app.models import Lead


async def create_lead_and_source(session: WriteSession) -> NewInteraction:
    """An interaction that is not written yet, with its lead and source."""
    lead = await LeadCRUD(session).get_or_create_by_email("lead@example.com")
    source = await SourceCRUD(session).create(description="bot")
    return NewInteraction(lead.uuid, source.id)


async def test_created_without_operator(database: Database) -> None:
    """It is active, and waits."""
    async with database.writing() as session:
        new = await create_lead_and_source(session)
        created = await InteractionCRUD(session).create(new.lead_uuid, new.source_id)

    assert (None, True, None) == (created.operator_id, created.is_active, created.closed_at)
    assert UTC == created.created_at.tzinfo


async def test_flush_and_commit_of_the_repository(database: Database) -> None:
    """The repository passes them on to its session."""
    async with database.writing() as session:
        new = await create_lead_and_source(session)
        interactions = InteractionCRUD(session)
        created = await interactions.create(new.lead_uuid, new.source_id)
        await interactions.flush()
        await interactions.commit()
        async with database.reading() as other:
            found = await InteractionCRUD(other).get_by_id(created.id)

    assert found is not None


async def test_batch_keeps_its_order(database: Database) -> None:
    """Ids ascend in the given order, and each row keeps its own payload and operator."""
    async with database.writing() as session:
        new = await create_lead_and_source(session)
        operator = await OperatorCRUD(session).create(name="Maria")
        wanted = [
            new._replace(payload=str(number), operator_id=operator.id if number % 3 else None)
            for number in range(500)
        ]
        written = await InteractionCRUD(session).create_many(wanted)
    async with database.reading() as session:
        read = (await InteractionCRUD(session).list_page(limit=1000)).items

    assert written == read
    assert [new.payload for new in wanted] == [row.payload for row in read]
    assert sorted(row.id for row in read) == [row.id for row in read]


async def test_closing_twice_is_closing_once(database: Database) -> None:
    """The second close changes nothing, not even the time."""
    async with database.writing() as session:
        new = await create_lead_and_source(session)
        created = await InteractionCRUD(session).create(new.lead_uuid, new.source_id)
    async with database.writing() as session:
        first = await InteractionCRUD(session).set_inactive(created.id)
    async with database.writing() as session:
        second = await InteractionCRUD(session).set_inactive(created.id)

    assert first is not None
    assert second is not None
    assert (False, first.closed_at) == (second.is_active, second.closed_at)


async def test_object_is_read_as_it_is(database: Database) -> None:
    """Also by the session that had it before it was changed."""
    async with database.writing() as session:
        new = await create_lead_and_source(session)
        operator = await OperatorCRUD(session).create(name="Maria")
        interactions = InteractionCRUD(session)
        id = (await interactions.create(new.lead_uuid, new.source_id)).id
        assigned = await interactions.set_operator(id, operator.id)
        closed = await interactions.close(id)
        found = await interactions.get_by_id(id)
        await OperatorCRUD(session).update(operator.id, {"name": "Masha"})

    assert found is not None
    assert assigned is not None
    assert (operator.id, True) == (assigned.operator_id, assigned.is_active)
    assert assigned._replace(is_active=False, closed_at=found.closed_at) == closed
    assert InteractionRow.of(found) == closed
    assert "Masha" == operator.name


@pytest.mark.parametrize("method", ["get_by_id", "set_inactive", "close"])
async def test_unknown_id_gives_none(database: Database, method: str) -> None:
    """An unknown id is not an error to the repository."""
    async with database.writing() as session:
        assert await getattr(InteractionCRUD(session), method)(7) is None


async def test_interactions_of_a_lead_loaded_explicitly(database: Database) -> None:
    """The relationship has them in order."""
    async with database.writing() as session:
        new = await create_lead_and_source(session)
        await InteractionCRUD(session).create_many([new, new])
    async with database.reading() as session:
        lead = await session.get_one(Lead, new.lead_uuid, options=[selectinload(Lead.interactions)])

    assert [1, 2] == [interaction.id for interaction in lead.interactions]
