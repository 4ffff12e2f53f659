"""verifications for backends

Revision: 0032
Follows: 0031
"""

import sqlalchemy as sa
from alembic import op


revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("verifications", sa.Column("label", sa.String(length=128), nullable=True))
    op.create_table(
        "app_verifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("phone_number", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column("reference", sa.String(length=128), nullable=True),
        sa.Column("client_ip", sa.String(length=45), nullable=False),
        sa.Column("ttl_seconds", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("attempts BETWEEN 0 AND 5", name=op.f("ck_app_verifications_attempts_bounded")),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_app_verifications_app_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_app_verifications"),
    )
    op.create_index("ix_app_verifications_app_id_created_at", "app_verifications", ["app_id", "created_at"])
    op.create_index("ix_app_verifications_app_id_phone_number", "app_verifications", ["app_id", "phone_number"])
    op.create_index("ix_app_verifications_app_id_reference", "app_verifications", ["app_id", "reference"])
    op.create_table(
        "app_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("verification_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(length=40), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_app_requests_app_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_app_requests"),
        sa.UniqueConstraint("app_id", "key", name="uq_app_requests_app_id_key"),
    )
    op.create_index("ix_app_requests_verification_id", "app_requests", ["verification_id"])
    op.create_index("ix_app_requests_created_at", "app_requests", ["created_at"])


def downgrade() -> None:
    """The older schema has no verifications for backends; their messages stay, to be priced."""
    op.drop_table("app_requests")
    op.drop_table("app_verifications")
    op.drop_column("verifications", "label")
