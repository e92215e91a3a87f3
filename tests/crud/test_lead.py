"""Leads are found by any spelling of their address, and created once."""

import asyncio

import pytest
from sqlalchemy.exc import InvalidRequestError

from app.crud import LeadCRUD
from app.crud.lead import UUIDS_BY_EMAIL
from app.db.database import Database
from app.db.types import utc_now


async def test_created_once_and_found_by_any_case(database: Database) -> None:
    """The second call finds the lead that the first one created."""
    async with database.writing() as session:
        first = await LeadCRUD(session).get_or_create_by_email("Lead@Example.com")
        second = await LeadCRUD(session).get_or_create_by_email("lead@example.COM")

    assert first is second
    assert "lead@example.com" == first.email


async def test_many_at_once_keep_known_leads(database: Database) -> None:
    """A batch returns known and new addresses alike, each once."""
    async with database.writing() as session:
        leads = LeadCRUD(session)
        known = await leads.get_or_create_by_email("known@example.com")
        uuids = await leads.get_or_create_by_emails(
            ["new@example.com", "KNOWN@example.com", "new@example.com"]
        )

    assert {"known@example.com", "new@example.com"} == uuids.keys()
    assert known.uuid == uuids["known@example.com"]


async def test_losing_a_race_keeps_the_earlier_rows(database: Database) -> None:
    """Inserting a lead that another transaction has created rolls nothing back."""
    async with database.writing() as session:
        leads = LeadCRUD(session)
        await leads.get_or_create_by_email("earlier@example.com")
        # As a transaction would that read before the other one committed, and inserts after it.
        new = ["earlier@example.com", "later@example.com"]
        await UUIDS_BY_EMAIL.insert(session, new, utc_now())
    async with database.reading() as session:
        found = [
            await LeadCRUD(session).get_by_email(f"{name}@example.com")
            for name in ("earlier", "later")
        ]

    assert all(found)


async def test_fifty_sessions_create_one_lead(database: Database) -> None:
    """Concurrent sessions with one address all get the same lead."""

    async def create() -> object:
        async with database.writing() as session:
            return (await LeadCRUD(session).get_or_create_by_email("lead@example.com")).uuid

    assert 1 == len(set(await asyncio.gather(*(create() for _ in range(50)))))


async def test_interactions_do_not_load_implicitly(database: Database) -> None:
    """Reading a relationship that was not loaded is an error, not a query."""
    async with database.writing() as session:
        lead = await LeadCRUD(session).get_or_create_by_email("lead@example.com")
        with pytest.raises(InvalidRequestError):
            _ = lead.interactions
