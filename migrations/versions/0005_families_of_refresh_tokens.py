"""families of refresh tokens

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("generation", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("minute_started_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("minute_generation", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("minute_generation")
        batch_op.drop_column("minute_started_at")
        batch_op.drop_column("rotated_at")
        batch_op.drop_column("generation")
