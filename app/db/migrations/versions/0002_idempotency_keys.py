"""Idempotency keys: a bot that retries an inquiry gets the original response."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BigId

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of keys."""
    op.create_table(
        "idempotency_keys",
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("interaction_id", BigId, nullable=False),
        sa.Column("operator_id", BigId, nullable=True),
        sa.PrimaryKeyConstraint("source_id", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_idempotency_keys_source_id_sources"
        ),
        sa.ForeignKeyConstraint(
            ["interaction_id"],
            ["interactions.id"],
            name="fk_idempotency_keys_interaction_id_interactions",
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name="fk_idempotency_keys_operator_id_operators"
        ),
        sqlite_with_rowid=False,
    )
