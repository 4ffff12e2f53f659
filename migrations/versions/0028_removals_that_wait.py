"""removals that wait

Revision: 0028
Follows: 0027
"""

import sqlalchemy as sa
from alembic import op


revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("phone_off_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "factor_removals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("authenticator_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_factor_removals_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_factor_removals"),
        sa.UniqueConstraint("authenticator_id", name="uq_factor_removals_authenticator_id"),
        sa.UniqueConstraint("token_hash", name="uq_factor_removals_token_hash"),
    )
    op.create_index("ix_factor_removals_user_id", "factor_removals", ["user_id"])
    op.create_index("ix_factor_removals_effective_at", "factor_removals", ["effective_at"])


def downgrade() -> None:
    """The older schema knows no removal that waits: these factors stay, and the phone counts for every user again."""
    op.drop_table("factor_removals")
    op.drop_column("users", "phone_off_at")
