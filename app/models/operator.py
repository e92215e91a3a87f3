"""An operator: a person who answers inquiries."""

from sqlalchemy.orm import Mapped, mapped_column

from app.db.types import BigId
from app.models.base import Base


class Operator(Base):
    """A person who answers inquiries. Never deleted, only deactivated: interactions refer to it."""

    __tablename__ = "operators"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    load_limit: Mapped[int | None]
    """Maximum number of active interactions, for sources that enforce limits; None for no limit."""
