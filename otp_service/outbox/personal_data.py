"""What the outbox stores about a person, for that person."""

from typing import Any

from otp_service.core.database.portable import rows_about
from otp_service.outbox.models import OutboxMessage


def messages(user_id: int) -> list[dict[str, Any]]:
    """Which e-mails were sent to the user; what is sealed is only on its way."""
    columns = (
        OutboxMessage.created_at, OutboxMessage.template, OutboxMessage.locale, OutboxMessage.state,
        OutboxMessage.sent_at,
    )  # fmt: skip
    return rows_about(OutboxMessage.user_id == user_id, *columns)
