"""deletions that wait

Revision: 0023
Follows: 0022
"""

import sqlalchemy as sa
from alembic import op


revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("erase_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """The older schema knows no deletion that waits: the accounts stay, and their holders may delete them again."""
    op.drop_column("users", "erase_at")
