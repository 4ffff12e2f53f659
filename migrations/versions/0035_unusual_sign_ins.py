"""unusual sign-ins: where a right password came from, and what its second factor needs

Revision: 0035
Follows: 0034
"""

import sqlalchemy as sa
from alembic import op


revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("challenges", sa.Column("address_hash", sa.String(length=64), nullable=True))
    op.add_column("challenges", sa.Column("needs", sa.SmallInteger(), nullable=True))
    op.create_table(
        "challenge_origins",
        sa.Column("challenge_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("device_hash", sa.String(length=64), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["challenge_id"], ["challenges.id"], name="fk_challenge_origins_challenge_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("challenge_id", name="pk_challenge_origins"),
    )
    for column in ("device_hash", "address_hash"):
        op.create_index(f"ix_challenge_origins_{column}_created_at", "challenge_origins", [column, "created_at"])


def downgrade() -> None:
    """The older code takes every factor: challenges that need the strongest one end."""
    op.drop_table("challenge_origins")
    op.execute("DELETE FROM challenges WHERE needs IS NOT NULL")
    op.drop_column("challenges", "needs")
    op.drop_column("challenges", "address_hash")
