"""sliding windows

Revision: 0027
Follows: 0026
"""

import sqlalchemy as sa
from alembic import op


revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = ("counters", "factor_throttles")
COLUMNS = {
    "from_ms": sa.BigInteger,
    "to_ms": sa.BigInteger,
    "earlier": sa.Integer,
    "earlier_from_ms": sa.BigInteger,
    "earlier_to_ms": sa.BigInteger,
}


def upgrade() -> None:
    # Constant defaults: PostgreSQL stores them once, and rewrites no row. A window that is open now ends as before.
    for table in TABLES:
        for name, kind in COLUMNS.items():
            op.add_column(table, sa.Column(name, kind(), server_default="0", nullable=False))


def downgrade() -> None:
    for table in TABLES:
        for name in reversed(COLUMNS):
            op.drop_column(table, name)
