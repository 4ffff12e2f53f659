"""delivery receipts

Revision: 0011
Follows: 0012
"""

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("delivered", sa.String(length=3), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.drop_column("delivered")
