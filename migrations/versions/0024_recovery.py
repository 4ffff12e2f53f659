"""recovery: holds, reasons of locks, earlier addresses, codes by e-mail

Revision: 0024
Follows: 0023
"""

import sqlalchemy as sa
from alembic import op


revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch: SQLite would copy the table, and PostgreSQL adds a nullable column without a rewrite.
    op.add_column("users", sa.Column("lock_reason", sa.String(length=40), nullable=True))
    op.add_column("users", sa.Column("recovery_hold_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "earlier_addresses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_earlier_addresses_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_earlier_addresses")),
    )
    op.create_index(op.f("ix_earlier_addresses_user_id"), "earlier_addresses", ["user_id"])
    op.create_index(op.f("ix_earlier_addresses_replaced_at"), "earlier_addresses", ["replaced_at"])
    op.create_table(
        "recovery_codes",
        sa.Column("verification_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("attempts BETWEEN 0 AND 5", name=op.f("ck_recovery_codes_attempts_bounded")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("verification_id", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"])
    op.create_index(op.f("ix_recovery_codes_expires_at"), "recovery_codes", ["expires_at"])


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_table("earlier_addresses")
    op.drop_column("users", "recovery_hold_until")
    op.drop_column("users", "lock_reason")
