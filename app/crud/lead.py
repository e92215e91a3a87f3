"""Leads in the database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as insert_on_conflict  # also for SQLite
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.core.email import fold_email
from app.db.bulk.in_list import in_list
from app.db.bulk.statement import bulk_insert
from app.db.bulk.together import Query
from app.db.types import utc_now
from app.models import Base, Lead

_table = Base.metadata.tables[Lead.__tablename__]
UNIQUE_EMAIL = "uq_leads_email"
"""The constraint that two leads with the same address violate."""
_UUIDS = select(_table.c.email, _table.c.uuid).where(in_list(_table.c.email, "emails"))
_COLUMNS = {"columns": ["email", "uuid"], "shared": ["created_at"]}
_INSERT = bulk_insert(insert(_table), **_COLUMNS)
_INSERT_IF_ABSENT = bulk_insert(insert_on_conflict(_table).on_conflict_do_nothing(), **_COLUMNS)


class LeadCRUD:
    """Finds leads, and creates missing ones."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get_by_uuid(self, uuid: UUID) -> Lead | None:
        """The lead with this UUID; None if there is none."""
        return await self._session.get(Lead, uuid)

    async def get_by_email(self, email: str) -> Lead | None:
        """The lead with this address, compared case-insensitively; None if there is none."""
        return await self._get_by_email(fold_email(email))

    async def get_or_create_by_email(self, email: str) -> Lead:
        """The lead of this address, created if missing; safe with concurrent transactions."""
        email = fold_email(email)
        lead = await self._get_by_email(email)
        if lead is None:
            uuids = await self.get_or_create_by_emails([email])
            lead = await self._session.get_one(Lead, uuids[email])
        return lead

    async def get_or_create_by_emails(self, emails: Iterable[str]) -> dict[str, UUID]:
        """Leads' UUIDs by folded address, in a fixed number of statements."""
        folded = {fold_email(email) for email in emails}
        found = await self.uuids(folded).run(self._session)
        new = new_uuids(folded - found.keys())
        if not new:
            return found
        await _INSERT_IF_ABSENT.run(self._session, list(new.items()), utc_now())
        # Another transaction may have inserted some of them first.
        return found | await self.uuids(new).run(self._session)

    def uuids(self, folded_emails: Iterable[str]) -> Query[dict[str, UUID]]:
        """A query for the UUIDs of existing leads, by folded address."""
        return Query(_UUIDS, {"emails": list(folded_emails)}, _by_email)

    async def create_many(self, uuids: Mapping[str, UUID]) -> None:
        """Insert leads that do not exist."""
        await _INSERT.run(self._session, list(uuids.items()), utc_now())

    async def _get_by_email(self, email: str) -> Lead | None:
        return await self._session.scalar(select(Lead).where(Lead.email == email))


def new_uuids(folded_emails: Iterable[str]) -> dict[str, UUID]:
    """New UUIDs for addresses, which are sorted.

    So two transactions that insert leads with the same addresses cannot deadlock.
    """
    return {email: uuid7() for email in sorted(folded_emails)}


def _by_email(rows: Sequence[Sequence[Any]]) -> dict[str, UUID]:
    return {email: uuid for email, uuid in rows}  # noqa: C416  # dict() has no type for rows
