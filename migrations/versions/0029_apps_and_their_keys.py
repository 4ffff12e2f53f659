"""apps and their keys

Revision: 0029
Follows: 0028
"""

import sqlalchemy as sa
from alembic import op


revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "apps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("sends_per_day", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_apps"),
        sa.UniqueConstraint("name", name="uq_apps_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "app_keys",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("app_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_app_keys_app_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_app_keys"),
        sa.UniqueConstraint("app_id", "slot", name="uq_app_keys_app_id_slot"),
    )


def downgrade() -> None:
    op.drop_table("app_keys")
    op.drop_table("apps")
