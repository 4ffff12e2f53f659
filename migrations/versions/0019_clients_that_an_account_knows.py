"""clients that an account knows

Revision: 0019
Follows: 0018
"""

import sqlalchemy as sa
from alembic import op


revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "verified_networks",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("network", sa.String(length=50), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_verified_networks_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "network", name="pk_verified_networks"),
    )
    op.create_index("ix_verified_networks_verified_at", "verified_networks", ["verified_at"])
    # Nullable, or with a constant default: no table is rewritten.
    op.add_column("users", sa.Column("strangers_void_before", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("clients_known_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("challenges", sa.Column("is_known", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("sessions", sa.Column("network", sa.String(length=50), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "network")
    op.drop_column("challenges", "is_known")
    op.drop_column("users", "clients_known_since")
    op.drop_column("users", "strangers_void_before")
    op.drop_table("verified_networks")
