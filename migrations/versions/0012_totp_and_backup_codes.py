"""authenticator apps and backup codes

Revision: 0012
Follows: 0011
"""

import sqlalchemy as sa
from alembic import op


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "totp_authenticators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(length=400), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_step", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_totp_authenticators_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_totp_authenticators")),
        sa.UniqueConstraint("user_id", name=op.f("uq_totp_authenticators_user_id")),
    )
    with op.batch_alter_table("totp_authenticators", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_totp_authenticators_created_at"), ["created_at"], unique=False)

    op.create_table(
        "backup_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("selector", sa.String(length=8), nullable=False),
        sa.Column("code_hash", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_backup_codes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_codes")),
        sa.UniqueConstraint("user_id", "selector", name=op.f("uq_backup_codes_user_id_selector")),
    )


def downgrade() -> None:
    op.drop_table("backup_codes")

    with op.batch_alter_table("totp_authenticators", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_totp_authenticators_created_at"))

    op.drop_table("totp_authenticators")
