"""An interaction: one inquiry of a lead, and its assigned operator."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, Text, and_, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.exact_json import decode_json, encode_json
from app.db.types import BigId, UTCDateTime, utc_now
from app.models.base import Base
from app.models.lead import Lead


def payload_text(payload: Any) -> str | None:
    """A payload as stored: its JSON text, or NULL for null."""
    return None if payload is None else encode_json(payload)


class Interaction(Base):
    """One inquiry of a lead; while active and without an operator, it waits."""

    __tablename__ = "interactions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    lead_uuid: Mapped[UUID] = mapped_column(ForeignKey("leads.uuid"))
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id"))
    is_active: Mapped[bool] = mapped_column(default=True)
    payload_text: Mapped[str | None] = mapped_column("payload", Text)
    """The payload's JSON text, each number as received; None for null."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    lead: Mapped[Lead] = relationship(back_populates="interactions", lazy="raise")

    @property
    def payload(self) -> Any:
        """The payload as a Python value, with the nearest Python numbers."""
        return None if self.payload_text is None else decode_json(self.payload_text)

    @payload.setter
    def payload(self, value: Any) -> None:
        self.payload_text = payload_text(value)


_columns = Interaction.__table__.c
IS_ACTIVE = _columns.is_active == true()
IS_CLOSED = _columns.is_active == false()
IS_WAITING = and_(IS_ACTIVE, _columns.operator_id.is_(None))


def _partial_index(name: str, where: ColumnElement[bool], *columns: ColumnElement[Any]) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


# Lists are read by keyset in id order, so each index ends in the id. Indexes of active interactions
# stay small however long the history grows, and serve to count an operator's load. Those of closed
# and waiting interactions do not slow intake: none is created closed, and few wait.
_id, _source_id, _operator_id = _columns.id, _columns.source_id, _columns.operator_id
Index("ix_interactions_lead_uuid_id", _columns.lead_uuid, _id)
Index("ix_interactions_operator_id_id", _operator_id, _id)
Index("ix_interactions_source_id_id", _source_id, _id)
_partial_index("ix_interactions_active_id", IS_ACTIVE, _id)
_partial_index("ix_interactions_active_operator_id_id", IS_ACTIVE, _operator_id, _id)
_partial_index("ix_interactions_active_source_id_id", IS_ACTIVE, _source_id, _id)
_partial_index("ix_interactions_closed_id", IS_CLOSED, _id)
_partial_index("ix_interactions_closed_operator_id_id", IS_CLOSED, _operator_id, _id)
_partial_index("ix_interactions_closed_source_id_id", IS_CLOSED, _source_id, _id)
_partial_index("ix_interactions_waiting_source_id_id", IS_WAITING, _source_id, _id)
