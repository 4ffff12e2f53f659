"""What is stored about a person's codes, for that person. No code, and no id of the provider's."""

from typing import Any

from otp_service.core.database.rows import rows_about
from otp_service.verifications.models import Verification


def verifications(user_id: int) -> list[dict[str, Any]]:
    """Codes that were sent for the user."""
    columns = (
        Verification.created_at, Verification.id, Verification.purpose, Verification.channel,
        Verification.phone_number, Verification.country, Verification.ip, Verification.state, Verification.attempts,
        Verification.sent_at, Verification.expires_at, Verification.settled_at, Verification.delivered,
        Verification.price_amount, Verification.price_currency,
    )  # fmt: skip
    return rows_about(Verification.user_id == user_id, *columns)
