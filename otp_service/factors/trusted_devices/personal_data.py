"""What is stored about a person's trusted devices, for that person."""

from typing import Any

from otp_service.core.database.portable import rows_about
from otp_service.factors.trusted_devices.models import TrustedDevice


def devices(user_id: int) -> list[dict[str, Any]]:
    """Trusted devices, those that are trusted no more as well until they are forgotten."""
    columns = (
        TrustedDevice.created_at, TrustedDevice.id, TrustedDevice.ip, TrustedDevice.agent,
        TrustedDevice.last_used_at, TrustedDevice.expires_at,
    )  # fmt: skip
    return rows_about(TrustedDevice.user_id == user_id, *columns)
