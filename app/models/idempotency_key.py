"""An idempotency key: a bot's own identifier of an inquiry, for retries."""

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.limits import MAX_IDEMPOTENCY_KEY_LENGTH
from app.db.types import BigId
from app.models.base import Base


class IdempotencyKey(Base):
    """The request that a source sent under a key, and the answer."""

    __tablename__ = "idempotency_keys"
    # Rows are found by their primary key only: SQLite stores them in its order, without an index.
    __table_args__ = ({"sqlite_with_rowid": False},)

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(MAX_IDEMPOTENCY_KEY_LENGTH), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the request."""
    interaction_id: Mapped[int] = mapped_column(BigId, ForeignKey("interactions.id"))
    operator_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("operators.id"))
    """The operator in the answer; the interaction may have been reassigned since."""
