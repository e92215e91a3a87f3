"""The first schema: sources, operators, leads, interactions and weights."""

import sqlalchemy as sa
from alembic import op

from app.db.types import BigId, UTCDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "operators",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("load_limit", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_operators"),
    )
    op.create_table(
        "sources",
        sa.Column("id", BigId, nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
    )
    op.create_table(
        "leads",
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("uuid", name="pk_leads"),
        sa.UniqueConstraint("email", name="uq_leads_email"),
    )
    op.create_table(
        "interactions",
        sa.Column("id", BigId, nullable=False),
        sa.Column("lead_uuid", sa.Uuid(), nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("operator_id", BigId, nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_interactions"),
        sa.ForeignKeyConstraint(
            ["lead_uuid"], ["leads.uuid"], name="fk_interactions_lead_uuid_leads"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_interactions_source_id_sources"
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name="fk_interactions_operator_id_operators"
        ),
    )
    for column in ("lead_uuid", "operator_id", "source_id"):
        op.create_index(f"ix_interactions_{column}_id", "interactions", [column, "id"])
    active = sa.column("is_active") == sa.true()
    closed = sa.column("is_active") == sa.false()
    for state, where in {"active": active, "closed": closed}.items():
        for columns in (["id"], ["operator_id", "id"], ["source_id", "id"]):
            op.create_index(
                f"ix_interactions_{state}_{'_'.join(columns)}",
                "interactions",
                columns,
                sqlite_where=where,
                postgresql_where=where,
            )
    waiting = sa.and_(active, sa.column("operator_id").is_(None))
    op.create_index(
        "ix_interactions_waiting_source_id_id",
        "interactions",
        ["source_id", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "source_operator_settings",
        sa.Column("id", BigId, nullable=False),
        sa.Column("source_id", BigId, nullable=False),
        sa.Column("operator_id", BigId, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_source_operator_settings"),
        sa.UniqueConstraint(
            "source_id", "operator_id", name="uq_source_operator_settings_source_id_operator_id"
        ),
        sa.CheckConstraint(
            "weight BETWEEN 0 AND 1000000", name="ck_source_operator_settings_weight_range"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_source_operator_settings_source_id_sources"
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operators.id"],
            name="fk_source_operator_settings_operator_id_operators",
        ),
    )
