"""spending: the ledger by day, and what an app may cost

Revision: 0034
Follows: 0033
"""

import sqlalchemy as sa
from alembic import op


revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spend_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("strangers", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.BigInteger(), nullable=False),
        sa.Column("given_back", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day", "subject", name="pk_spend_days"),
    )
    op.create_table(
        "spend_warnings",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("percent", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "about", "percent", name="pk_spend_warnings"),
    )
    op.create_table(
        "spend_prices",
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("country", sa.String(length=3), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "channel", "country", name="pk_spend_prices"),
    )
    op.add_column("verifications", sa.Column("spend_units", sa.BigInteger(), nullable=True))
    op.add_column("apps", sa.Column("spend_per_day", sa.Numeric(precision=12, scale=4), nullable=True))


def downgrade() -> None:
    """The older schema has no caps: what was spent today is forgotten."""
    op.drop_column("apps", "spend_per_day")
    op.drop_column("verifications", "spend_units")
    op.drop_table("spend_prices")
    op.drop_table("spend_warnings")
    op.drop_table("spend_days")
