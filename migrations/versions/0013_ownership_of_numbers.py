"""ownership of numbers

Revision: 0013
Follows: 0012
"""

import sqlalchemy as sa
from alembic import context, op


revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

IS_HELD = {"sqlite_where": sa.text("holds_number"), "postgresql_where": sa.text("holds_number")}
NUMBERED = {"table_kwargs": {"sqlite_autoincrement": True}}  # SQLite makes the table anew
NO_NUMBER = "none-"  # and the id: what stands in the older schema for a number that is not there


def upgrade() -> None:
    last_id = _last_id()
    with op.batch_alter_table("users", schema=None, **NUMBERED) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_users_phone_number"), type_="unique")
        batch_op.alter_column("phone_number", existing_type=sa.String(length=16), nullable=True)
        batch_op.add_column(sa.Column("holds_number", sa.Boolean(), server_default=sa.true(), nullable=False))
    _go_on_after(last_id)
    op.execute(
        f"UPDATE users SET phone_number = NULL, holds_number = {_false()} WHERE phone_number LIKE '{NO_NUMBER}%'"
    )
    op.create_index("uq_users_phone_number", "users", ["phone_number"], unique=True, **IS_HELD)


def downgrade() -> None:
    """The older schema wants a number of each user's own: who holds none is given a word in its place."""
    op.execute(
        f"UPDATE users SET phone_number = '{NO_NUMBER}' || id, phone_verified_at = NULL "
        f"WHERE phone_number IS NULL OR NOT holds_number"
    )
    last_id = _last_id()
    op.drop_index("uq_users_phone_number", table_name="users", **IS_HELD)
    with op.batch_alter_table("users", schema=None, **NUMBERED) as batch_op:
        batch_op.drop_column("holds_number")
        batch_op.alter_column("phone_number", existing_type=sa.String(length=16), nullable=False)
        batch_op.create_unique_constraint(batch_op.f("uq_users_phone_number"), ["phone_number"])
    _go_on_after(last_id)


def _false() -> str:
    return "0" if op.get_context().dialect.name == "sqlite" else "false"


def _last_id() -> int | None:
    """The last id that SQLite gave to a user, who may be deleted by now; the new table must not give it again."""
    if op.get_context().dialect.name != "sqlite" or context.is_offline_mode():
        return None
    return op.get_bind().execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'users'")).scalar()


def _go_on_after(last_id: int | None) -> None:
    if last_id is not None:
        connection = op.get_bind()
        connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name IN ('users', '_alembic_tmp_users')"))
        connection.execute(sa.text("INSERT INTO sqlite_sequence VALUES ('users', :last)"), {"last": last_id})
