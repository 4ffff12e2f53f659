"""owners of verifications

Revision: 0018
Follows: 0017
"""

import sqlalchemy as sa
from alembic import op


revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COOLDOWN = "name = 'otp-cooldown'"
OF_A_USER = "owner LIKE 'user:%'"


def upgrade() -> None:
    _lock_as_a_send_does()
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("owner", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("asker", sa.String(length=7), server_default="holder", nullable=False))
        batch_op.alter_column(
            "challenge_id", new_column_name="bound_to", existing_type=sa.Uuid(), existing_nullable=True
        )
    op.execute("UPDATE verifications SET owner = 'user:' || user_id")
    op.execute("UPDATE verifications SET asker = 'by_name' WHERE is_anonymous")
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.alter_column("owner", existing_type=sa.String(length=80), nullable=False)
        batch_op.drop_index("ix_verifications_user_id_created_at")
        batch_op.drop_constraint(batch_op.f("fk_verifications_user_id"), type_="foreignkey")
        batch_op.drop_column("user_id")
        batch_op.drop_column("is_anonymous")
        batch_op.create_index("ix_verifications_owner_created_at", ["owner", "created_at"], unique=False)

    with op.batch_alter_table("verification_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asker", sa.String(length=7), server_default="holder", nullable=False))
    op.execute("UPDATE verification_attempts SET asker = 'by_name' WHERE is_anonymous")
    with op.batch_alter_table("verification_attempts", schema=None) as batch_op:
        batch_op.drop_column("is_anonymous")

    op.execute(f"UPDATE counters SET subject = 'user:' || subject WHERE {COOLDOWN}")


def downgrade() -> None:
    """The older schema knows users alone: what belongs to any other owner is deleted."""
    _lock_as_a_send_does()
    op.execute(f"DELETE FROM counters WHERE {COOLDOWN} AND subject NOT LIKE 'user:%'")
    op.execute(f"UPDATE counters SET subject = substr(subject, 6) WHERE {COOLDOWN}")

    with op.batch_alter_table("verification_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_anonymous", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(f"UPDATE verification_attempts SET is_anonymous = {_true()} WHERE asker = 'by_name'")
    with op.batch_alter_table("verification_attempts", schema=None) as batch_op:
        batch_op.drop_column("asker")

    op.execute(f"DELETE FROM verifications WHERE NOT {OF_A_USER}")
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.add_column(sa.Column("user_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("is_anonymous", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.alter_column(
            "bound_to", new_column_name="challenge_id", existing_type=sa.Uuid(), existing_nullable=True
        )
    op.execute("UPDATE verifications SET user_id = CAST(substr(owner, 6) AS INTEGER)")
    op.execute(f"UPDATE verifications SET is_anonymous = {_true()} WHERE asker = 'by_name'")
    op.execute("DELETE FROM verifications WHERE user_id NOT IN (SELECT id FROM users)")
    # SQLite does not cascade here, since it keeps no foreign keys while it migrates.
    op.execute("DELETE FROM verification_attempts WHERE verification_id NOT IN (SELECT id FROM verifications)")
    with op.batch_alter_table("verifications", schema=None) as batch_op:
        batch_op.alter_column("user_id", existing_type=sa.Integer(), nullable=False)
        batch_op.drop_index("ix_verifications_owner_created_at")
        batch_op.drop_column("owner")
        batch_op.drop_column("asker")
        batch_op.create_foreign_key(
            batch_op.f("fk_verifications_user_id"), "users", ["user_id"], ["id"], ondelete="CASCADE"
        )
        batch_op.create_index("ix_verifications_user_id_created_at", ["user_id", "created_at"], unique=False)


def _lock_as_a_send_does() -> None:
    """A send takes its counters and then adds a verification: in another order this migration would deadlock with it."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("LOCK TABLE counters, verifications, verification_attempts IN ACCESS EXCLUSIVE MODE")


def _true() -> str:
    return "1" if op.get_context().dialect.name == "sqlite" else "true"
