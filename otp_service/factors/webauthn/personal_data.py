"""What is stored about a person's passkeys and security keys, for that person."""

from typing import Any

from otp_service.core.database.rows import rows_about
from otp_service.factors.webauthn.models import WebAuthnCredential


def credentials(user_id: int) -> list[dict[str, Any]]:
    """Passkeys and security keys."""
    columns = (
        WebAuthnCredential.created_at, WebAuthnCredential.id, WebAuthnCredential.name, WebAuthnCredential.aaguid,
        WebAuthnCredential.transports, WebAuthnCredential.synced, WebAuthnCredential.last_used_at,
    )  # fmt: skip
    return rows_about(WebAuthnCredential.user_id == user_id, *columns)
