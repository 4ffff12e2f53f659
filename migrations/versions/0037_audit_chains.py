"""audit: events in chains, and keys of what is personal

Revision: 0037
Follows: 0036
"""

import sqlalchemy as sa
from alembic import op


revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

COLUMNS = {
    "shard": sa.Integer,
    "sequence": sa.BigInteger,
    "key_id": sa.Uuid,
    "sealed": sa.LargeBinary,
    "signer": lambda: sa.String(length=8),
    "digest": sa.LargeBinary,
    "link": sa.LargeBinary,
    "seal": sa.LargeBinary,
}


def upgrade() -> None:
    # NULL in every row: no row is rewritten. Events of before stay outside the chains until `flask audit adopt`.
    for name, kind in COLUMNS.items():
        op.add_column("audit_events", sa.Column(name, kind(), nullable=True))
    op.create_table(
        "audit_heads",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name="pk_audit_heads"),
    )
    op.create_table(
        "audit_bases",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("signer", sa.String(length=8), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name="pk_audit_bases"),
    )
    op.create_table(
        "audit_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=60), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_keys"),
    )
    op.create_index("ix_audit_keys_subject", "audit_keys", ["subject"])
    op.create_index("ix_audit_keys_created_at", "audit_keys", ["created_at"])


def downgrade() -> None:
    """The older schema knows no sealed facts: that an event happened, when and to whom remains, the rest is lost."""
    op.drop_table("audit_keys")
    op.drop_table("audit_bases")
    op.drop_table("audit_heads")
    for name in reversed(COLUMNS):
        op.drop_column("audit_events", name)
