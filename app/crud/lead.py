"""Leads in the database."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert  # SQLite takes it, too; its own only SQLite
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.core.email import fold_email
from app.db.bulk.arrays import as_arrays, insert_from_arrays
from app.db.bulk.execute import execute
from app.db.bulk.in_list import in_list
from app.db.bulk.statement import bulk_insert
from app.db.types import utc_now
from app.models import Base, Lead

_table = Base.metadata.tables[Lead.__tablename__]
_COLUMNS = ("uuid", "email", "created_at")
# Statements of the hot path are built once: building one costs more than running it.
_UUIDS_BY_EMAIL = select(_table.c.email, _table.c.uuid).where(in_list(_table.c.email, "emails"))
_insert = insert(_table).on_conflict_do_nothing()
_INSERT_IF_ABSENT = bulk_insert(_insert, columns=_COLUMNS[:2], shared=_COLUMNS[2:])
_created = (
    insert_from_arrays(_insert, _COLUMNS).returning(_table.c.email, _table.c.uuid).cte("created")
)
_GET_OR_CREATE = select(_created).union_all(_UUIDS_BY_EMAIL)


class LeadCRUD:
    """Finds leads, and creates the ones that are missing."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._is_sqlite = session.get_bind().dialect.name == "sqlite"

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
        # PostgreSQL does both in one statement.
        known = await self._uuids_by_email(wanted) if self._is_sqlite else {}
        missing = wanted - known.keys()
        return known | await self._create_missing(missing) if missing else known

    async def _get_by_email(self, email: str) -> Lead | None:
        return await self._session.scalar(select(Lead).where(Lead.email == email))

    async def _uuids_by_email(self, emails: Iterable[str]) -> dict[str, UUID]:
        rows = await execute(self._session, _UUIDS_BY_EMAIL, {"emails": list(emails)})
        return {email: uuid for email, uuid in rows}  # noqa: C416  # dict() has no type for rows

    async def _create_missing(self, emails: Iterable[str]) -> dict[str, UUID]:
        # In one order everywhere: two transactions that insert the same leads cannot deadlock.
        uuids = {email: uuid7() for email in sorted(emails)}
        new = [(uuid, email) for email, uuid in uuids.items()]
        if self._is_sqlite:
            inserted = await _INSERT_IF_ABSENT(self._session, new, utc_now())
            found = uuids if inserted.rowcount == len(uuids) else {}
        else:
            parameters = as_arrays(_COLUMNS, new, [utc_now()]) | {"emails": list(uuids)}
            rows = await execute(self._session, _GET_OR_CREATE, parameters)
            found = {email: uuid for email, uuid in rows}  # noqa: C416  # dict() has no type for rows
        # Somebody beside us was faster with these, after the statement began.
        missing = uuids.keys() - found.keys()
        return found | await self._uuids_by_email(missing) if missing else found
