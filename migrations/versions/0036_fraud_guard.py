"""fraud guard: nodes, rules, sends

Revision: 0036
Follows: 0035
"""

import sqlalchemy as sa
from alembic import op


revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

HAS_TO_LEARN = {"sqlite_where": sa.text("due_at IS NOT NULL"), "postgresql_where": sa.text("due_at IS NOT NULL")}


def upgrade() -> None:
    op.create_table(
        "fraud_nodes",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_fraud_nodes"),
    )
    op.create_table(
        "fraud_blocks",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("is_enforced", sa.Boolean(), nullable=False),
        sa.Column("block", sa.String(length=16), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("price", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_fraud_blocks"),
    )
    op.create_table(
        "fraud_rules",
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=5), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("prefix", name="pk_fraud_rules"),
    )
    op.create_table(
        "fraud_sends",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("block", sa.String(length=16), nullable=False),
        sa.Column("number_hash", sa.String(length=22), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("price", sa.Numeric(precision=12, scale=4), nullable=False),
        sa.Column("decision", sa.String(length=9), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("was_sent", sa.Boolean(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("counted", sa.SmallInteger(), nullable=False),
        sa.Column("probed", sa.SmallInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=11), nullable=True),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("folded", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_fraud_sends"),
    )
    op.create_index("ix_fraud_sends_at", "fraud_sends", ["at"])
    op.create_index("ix_fraud_sends_due_at", "fraud_sends", ["due_at"], **HAS_TO_LEARN)


def downgrade() -> None:
    """The older schema has no guard: its rules and what it learned are lost."""
    op.drop_table("fraud_sends")
    op.drop_table("fraud_rules")
    op.drop_table("fraud_blocks")
    op.drop_table("fraud_nodes")
