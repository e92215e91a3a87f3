"""Strategies, limits, stickiness, the queue; assignments with their reasons; daily counts."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BigId, UTCDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the rules to sources, the credit to settings, and the two tables."""
    for column in (
        sa.Column("strategy", sa.String(16), server_default="smooth", nullable=False),
        sa.Column("enforce_load_limit", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sticky", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("sources", column)
    op.add_column(
        "source_operator_settings",
        sa.Column("credit", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_index(
        "ix_source_operator_settings_operator_id", "source_operator_settings", ["operator_id"]
    )
    op.create_table(
        "assignments",
        sa.Column("id", BigId, nullable=False),
        sa.Column("interaction_id", BigId, nullable=False),
        sa.Column("operator_id", BigId, nullable=True),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("strategy", sa.String(16), nullable=True),
        sa.Column("candidates", sa.Text(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
        sa.ForeignKeyConstraint(
            ["interaction_id"],
            ["interactions.id"],
            name="fk_assignments_interaction_id_interactions",
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name="fk_assignments_operator_id_operators"
        ),
    )
    op.create_index("ix_assignments_interaction_id_id", "assignments", ["interaction_id", "id"])
    op.create_table(
        "daily_counts",
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("operator_id", BigId, nullable=False),
        sa.Column("interactions", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("lost_to_limit", sa.BigInteger(), nullable=False),
        sa.Column("lost_to_inactivity", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "day", "operator_id", name="pk_daily_counts"),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_daily_counts_source_id_sources"
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name="fk_daily_counts_operator_id_operators"
        ),
        sqlite_with_rowid=False,
    )
    # Past weights are unknown: each operator's target is the number of interactions assigned to it.
    op.execute(
        "INSERT INTO daily_counts"
        " SELECT source_id, date(created_at), operator_id, count(*), 1000000 * count(*), 0, 0"
        " FROM interactions WHERE operator_id IS NOT NULL"
        " GROUP BY source_id, date(created_at), operator_id"
    )
