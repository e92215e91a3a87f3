"""Leads in the database."""

from collections.abc import Iterable
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.email import fold_email
from app.db.types import utc_now
from app.db.upsert import insert_if_absent
from app.models import Base, Lead

_table = Base.metadata.tables[Lead.__tablename__]


class LeadCRUD:
    """Finds leads, and creates the ones that are missing."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get_by_uuid(self, uuid: UUID) -> Lead | None:
        """The lead with this key, if there is one."""
        return await self._session.get(Lead, uuid)

    async def get_by_email(self, email: str) -> Lead | None:
        """The lead of this address, whatever its case, if there is one."""
        return await self._get_by_email(fold_email(email))

    async def get_or_create_by_email(self, email: str) -> Lead:
        """The lead of this address, created if need be; safe beside others that do the same."""
        email = fold_email(email)
        lead = await self._get_by_email(email)
        if lead is None:
            uuids = await self.get_or_create_by_emails([email])
            lead = await self._session.get_one(Lead, uuids[email])
        return lead

    async def get_or_create_by_emails(self, emails: Iterable[str]) -> dict[str, UUID]:
        """The leads' keys by folded address, in a fixed number of statements."""
        wanted = {fold_email(email) for email in emails}
        known = await self._uuids_by_email(wanted)
        missing = wanted - known.keys()
        if missing:
            await self._create_missing(missing)
            known |= await self._uuids_by_email(missing)
        return known

    async def _get_by_email(self, email: str) -> Lead | None:
        return await self._session.scalar(select(Lead).where(Lead.email == email))

    async def _uuids_by_email(self, emails: Iterable[str]) -> dict[str, UUID]:
        rows = await self._session.execute(
            select(Lead.email, Lead.uuid).where(Lead.email.in_(emails))
        )
        return {row.email: row.uuid for row in rows}

    async def _create_missing(self, emails: Iterable[str]) -> None:
        now = utc_now()
        # In one order everywhere: two transactions that insert the same leads cannot deadlock.
        rows = [{"uuid": uuid4(), "email": email, "created_at": now} for email in sorted(emails)]
        await self._session.execute(insert_if_absent(self._session, _table), rows)
