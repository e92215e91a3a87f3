"""An operator: the person who answers."""

from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import BigId
from app.models.base import Base


class Operator(Base):
    """Who answers inquiries. Never deleted, only deactivated: interactions point here."""

    __tablename__ = "operators"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    load_limit: Mapped[int | None]
    """Active interactions at most, as far as sources enforce it; None is no limit."""
