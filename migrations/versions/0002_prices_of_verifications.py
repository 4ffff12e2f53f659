"""prices of verifications

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("verification_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("open_reports", sa.Integer(), server_default="1", nullable=False))

    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("price_amount", sa.Numeric(precision=12, scale=4), nullable=True))
        batch_op.add_column(sa.Column("price_currency", sa.String(length=3), nullable=True))
        batch_op.create_index("ix_verifications_state_created_at", ["state", "created_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.drop_index("ix_verifications_state_created_at")
        batch_op.drop_column("price_currency")
        batch_op.drop_column("price_amount")

    with op.batch_alter_table("verification_attempts", schema=None) as batch_op:
        batch_op.drop_column("open_reports")
