"""why a message did not arrive

Revision: 0026
Follows: 0025
"""

import sqlalchemy as sa
from alembic import op


revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("verifications", sa.Column("failure", sa.String(200), nullable=True))


def downgrade() -> None:
    op.drop_column("verifications", "failure")
