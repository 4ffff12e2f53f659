"""codes of strangers

Revision: 0022
Follows: 0021
"""

import sqlalchemy as sa
from alembic import op


revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default: PostgreSQL stores it once, and rewrites no row.
    column = sa.Column("strangers_attempts", sa.Integer(), server_default="0", nullable=False)
    op.add_column("verifications", column)


def downgrade() -> None:
    op.drop_column("verifications", "strangers_attempts")
    op.execute("UPDATE verification_attempts SET asker = 'by_name' WHERE asker = 'asked'")
