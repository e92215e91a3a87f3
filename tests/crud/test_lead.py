"""Leads are found by any spelling of their address, and created once."""

import asyncio

import pytest
from sqlalchemy.exc import InvalidRequestError

from app.crud import LeadCRUD
from app.db.database import Database


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
