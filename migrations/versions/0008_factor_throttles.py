"""wrong proofs of each authenticator; codes that anonymous callers asked for or tried

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "factor_throttles",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("authenticator", sa.String(length=40), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("in_window", sa.Integer(), nullable=False),
        sa.Column("window_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_factor_throttles_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "authenticator", name=op.f("pk_factor_throttles")),
    )
    for table in ("verifications", "verification_attempts"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("is_anonymous", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for table in ("verification_attempts", "verifications"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("is_anonymous")

    op.drop_table("factor_throttles")
