"""An idempotency key: a bot's own name for an inquiry that it may send again."""

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.limits import MAX_IDEMPOTENCY_KEY_LENGTH
from app.db.types import BigId
from app.models.base import Base


class IdempotencyKey(Base):
    """What a key of a source stands for, and what was answered."""

    __tablename__ = "idempotency_keys"
    # The key is all that a row is found by: SQLite stores the rows in its order, without an index.
    __table_args__ = ({"sqlite_with_rowid": False},)

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(MAX_IDEMPOTENCY_KEY_LENGTH), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the request."""
    interaction_id: Mapped[int] = mapped_column(BigId, ForeignKey("interactions.id"))
    operator_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("operators.id"))
    """The operator in the answer; the interaction may have gone to another one since."""
