"""The random names by which authenticators know users."""

import secrets

from sqlalchemy import select

from otp_service.core.database.transactions import execute, fetch_one, transaction, upsert
from otp_service.factors.webauthn.models import WebAuthnHandle

HANDLE_BYTES = 64


def of_user(user_id: int) -> bytes:
    """The user's handle; made at the first call, once for good."""
    known = find(user_id)
    if known is not None:
        return known
    with transaction():
        made = upsert(WebAuthnHandle).values(user_id=user_id, handle=secrets.token_bytes(HANDLE_BYTES))
        execute(made.on_conflict_do_nothing(index_elements=[WebAuthnHandle.user_id]))
        return find(user_id) or b""


def find(user_id: int) -> bytes | None:
    """The user's handle, if one was made."""
    row = fetch_one(select(WebAuthnHandle.handle).where(WebAuthnHandle.user_id == user_id))
    return bytes(row.handle) if row else None
