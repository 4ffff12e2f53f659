"""hooks: events to other services

Revision: 0033
Follows: 0032
"""

import sqlalchemy as sa
from alembic import op


revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("sealed_url", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_earlier_secret", sa.Text(), nullable=True),
        sa.Column("earlier_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("app", sa.String(length=64), nullable=True),
        sa.Column("has_numbers", sa.Boolean(), nullable=False),
        sa.Column("after_event_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_because", sa.String(length=60), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_hooks"),
    )
    op.create_table(
        "hook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hook_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.id"], name="fk_hook_deliveries_hook_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_hook_deliveries"),
        sa.UniqueConstraint("hook_id", "event_id", "type", name="uq_hook_deliveries_hook_id_event_id_type"),
    )
    op.create_index("ix_hook_deliveries_due", "hook_deliveries", ["hook_id", "state", "next_try_at", "event_id"])
    op.create_index("ix_hook_deliveries_state_created_at", "hook_deliveries", ["state", "created_at"])
    op.create_table(
        "hook_cursors",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("read_up_to", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hook_cursors"),
    )


def downgrade() -> None:
    """The older schema sends no events: those on their way are lost."""
    op.drop_table("hook_cursors")
    op.drop_table("hook_deliveries")
    op.drop_table("hooks")
