"""Leads in the database."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.core.email import fold_email
from app.db.bulk.get_or_insert import GetOrInsert
from app.db.types import utc_now
from app.models import Base, Lead

UUIDS_BY_EMAIL = GetOrInsert(
    Base.metadata.tables[Lead.__tablename__],
    key="uuid",
    new_key=uuid7,
    by="email",
    shared=["created_at"],
)
"""Leads' UUIDs by folded address."""


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
        return await UUIDS_BY_EMAIL.get_or_insert(self._session, folded, utc_now())

    async def _get_by_email(self, email: str) -> Lead | None:
        return await self._session.scalar(select(Lead).where(Lead.email == email))
