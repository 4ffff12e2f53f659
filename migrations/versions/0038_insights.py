"""insights: totals by hour and by day, and what each verification counts in them

Revision: 0038
Follows: 0037
"""

import sqlalchemy as sa
from alembic import op


revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

COUNTERS = ("sends", "verified", "failed", "expired", "superseded", "undelivered", "refused", "blocked", "spend")
KEYS = ("grain", "at", "country", "prefix", "channel", "provider", "owner")


def upgrade() -> None:
    op.create_table(
        "insight_totals",
        sa.Column("grain", sa.String(length=2), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("country", sa.String(length=3), nullable=False),
        sa.Column("prefix", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTERS),
        sa.PrimaryKeyConstraint(*KEYS, name="pk_insight_totals"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counted_verifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("sent", sa.SmallInteger(), nullable=False),
        sa.Column("spend", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_counted_verifications"),
    )
    op.create_index("ix_counted_verifications_at", "counted_verifications", ["at"])
    op.create_table(
        "insight_passes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("folded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refusals_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("short_began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("whole_began_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_insight_passes"),
    )


def downgrade() -> None:
    """The first run after another upgrade counts again what is still stored."""
    op.drop_table("insight_passes")
    op.drop_table("counted_verifications")
    op.drop_table("insight_totals")
