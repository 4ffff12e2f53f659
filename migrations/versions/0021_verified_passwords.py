"""verified passwords

Revision: 0021
Follows: 0020
"""

import sqlalchemy as sa
from alembic import op


revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("password_verified_at", sa.DateTime(timezone=True), nullable=True))
    # The evidence that is stored: a session with the password and a factor, after the password was set. Everybody else
    # needs a second step once, which marks the password.
    op.execute(
        "UPDATE users SET password_verified_at = password_changed_at WHERE phone_verified_at IS NOT NULL AND EXISTS ("
        "SELECT 1 FROM sessions WHERE sessions.user_id = users.id AND sessions.amr LIKE 'pwd %' "
        "AND sessions.created_at >= users.password_changed_at)"
    )


def downgrade() -> None:
    """The older schema wants an address: an account without one keeps the stand-in, which no sign-in can name."""
    op.drop_column("users", "password_verified_at")
