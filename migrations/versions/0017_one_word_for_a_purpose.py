"""one word for a purpose

Revision: 0017
Follows: 0016
"""

import sqlalchemy as sa
from alembic import op


revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

EARLIER = {"login": "sign_in", "password_reset": "recovery"}


def upgrade() -> None:
    with op.batch_alter_table("webauthn_challenges", schema=None) as batch_op:
        batch_op.alter_column(
            "purpose", existing_type=sa.String(length=10), type_=sa.String(length=20), existing_nullable=False
        )
    for word, earlier in EARLIER.items():
        op.execute(f"UPDATE webauthn_challenges SET purpose = '{word}' WHERE purpose = '{earlier}'")


def downgrade() -> None:
    for word, earlier in EARLIER.items():
        op.execute(f"UPDATE webauthn_challenges SET purpose = '{earlier}' WHERE purpose = '{word}'")
    with op.batch_alter_table("webauthn_challenges", schema=None) as batch_op:
        batch_op.alter_column(
            "purpose", existing_type=sa.String(length=20), type_=sa.String(length=10), existing_nullable=False
        )
