"""providers

Revision: 0030
Follows: 0029
"""

import sqlalchemy as sa
from alembic import op


revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("verifications", sa.Column("provider", sa.String(length=20), server_default="sinch", nullable=False))
    op.add_column("verifications", sa.Column("code_hash", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """The older schema knows Sinch alone: a code of ours on its way can no longer be checked."""
    op.drop_column("verifications", "code_hash")
    op.drop_column("verifications", "provider")
