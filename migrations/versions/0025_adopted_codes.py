"""adopted codes

Revision: 0025
Follows: 0024
"""

import sqlalchemy as sa
from alembic import op


revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("challenges", sa.Column("adopted_code", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("challenges", "adopted_code")
