"""Credits in inquiries, targets in billionths of one, and candidates in a compact form."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.core.credits import apportion
from app.db.types import BigId, UTCDateTime

revision = "0004"
down_revision = "0003"

INQUIRY = 72_201_776_446_800
BILLION = 1_000_000_000
MOST = 100 * INQUIRY
"""No valid credit is larger. A larger one is damaged, or its new value may not fit into 64 bits."""

operators = sa.table("operators", sa.column("id"), sa.column("active", sa.Boolean))
settings = sa.table(
    "source_operator_settings",
    *(sa.column(name, sa.BigInteger) for name in ("source_id", "operator_id", "weight", "credit")),
)
counts = sa.table(
    "daily_counts",
    sa.column("day", sa.Date),
    *(
        sa.column(name, sa.BigInteger)
        for name in (
            "source_id",
            "operator_id",
            "interactions",
            "target",
            "lost_to_limit",
            "lost_to_inactivity",
        )
    ),
)


def upgrade() -> None:
    """Convert stored credits and counts to the new units, and change the type of the candidates."""
    _convert_credits()
    _convert_counts()
    if op.get_context().dialect.name == "sqlite":
        _rebuild_assignments()
    else:
        op.alter_column(
            "assignments",
            "candidates",
            type_=sa.LargeBinary(),
            postgresql_using="convert_to(candidates, 'UTF8')",
        )


def _convert_credits() -> None:
    """Convert credits from units of weight to inquiries, by the sum of eligible weights."""
    rows = op.get_bind().execute(
        sa.select(settings, operators.c.active)
        .join_from(settings, operators, operators.c.id == settings.c.operator_id)
        .order_by(settings.c.source_id, settings.c.operator_id)
    )
    changes = [
        {"of_source": row.source_id, "of_operator": row.operator_id, "new": credit}
        for _, group in groupby(rows, attrgetter("source_id"))
        for row, credit in _in_inquiries(list(group))
        if credit != row.credit
    ]
    found = sa.and_(
        settings.c.source_id == sa.bindparam("of_source"),
        settings.c.operator_id == sa.bindparam("of_operator"),
    )
    _write(sa.update(settings).where(found).values(credit=sa.bindparam("new")), changes)


def _in_inquiries(rows: Sequence[Any]) -> Iterator[tuple[Any, int]]:
    """Each of a source's settings with its new credit; they sum to 0."""
    total = sum(row.weight for row in rows if row.active) or sum(row.weight for row in rows) or 1
    credits = {
        row.operator_id: max(-MOST, min(MOST, INQUIRY * row.credit // total)) for row in rows
    }
    excess = apportion(sum(credits.values()), dict.fromkeys(credits, 1))
    for row in rows:
        yield row, credits[row.operator_id] - excess[row.operator_id]


def _convert_counts() -> None:
    """Convert targets from millionths, rounded down, to billionths that sum to the interactions."""
    rows = op.get_bind().execute(
        sa.select(counts).order_by(counts.c.source_id, counts.c.day, counts.c.operator_id)
    )
    changes = [
        {"of_source": row.source_id, "of_day": row.day, "of_operator": row.operator_id, "new": new}
        for _, group in groupby(rows, attrgetter("source_id", "day"))
        for row, new in _in_billionths(list(group))
    ]
    found = sa.and_(
        counts.c.source_id == sa.bindparam("of_source"),
        counts.c.day == sa.bindparam("of_day", type_=sa.Date),
        counts.c.operator_id == sa.bindparam("of_operator"),
    )
    lost = {name: counts.c[name] * 1000 for name in ("lost_to_limit", "lost_to_inactivity")}
    _write(sa.update(counts).where(found).values(target=sa.bindparam("new"), **lost), changes)


def _in_billionths(rows: Sequence[Any]) -> Iterator[tuple[Any, int]]:
    """Each of a day's counts with its new target.

    The parts lost by rounding, and the interactions that staff assigned without a target, are
    divided in proportion to the targets.
    """
    weights = {row.operator_id: max(0, row.target) for row in rows}
    if not any(weights.values()):
        weights = {row.operator_id: max(0, row.interactions) for row in rows}
    total = BILLION * sum(row.interactions for row in rows)
    targets = apportion(total, weights) if any(weights.values()) else dict.fromkeys(weights, 0)
    for row in rows:
        yield row, targets[row.operator_id]


def _rebuild_assignments() -> None:
    """Change the candidates' type to bytes of the same content; SQLite cannot do so in place."""
    op.rename_table("assignments", "assignments_before")
    op.create_table(
        "assignments",
        sa.Column("id", BigId, nullable=False),
        sa.Column("interaction_id", BigId, nullable=False),
        sa.Column("operator_id", BigId, nullable=True),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("strategy", sa.String(16), nullable=True),
        sa.Column("candidates", sa.LargeBinary(), nullable=False),
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
    op.execute(
        "INSERT INTO assignments SELECT id, interaction_id, operator_id, reason, strategy,"
        " CAST(candidates AS BLOB), created_at FROM assignments_before ORDER BY id"
    )
    op.drop_table("assignments_before")
    op.create_index("ix_assignments_interaction_id_id", "assignments", ["interaction_id", "id"])


def _write(statement: sa.Update, changes: list[dict[str, Any]]) -> None:
    if changes:
        op.get_bind().execute(statement, changes)
