"""What all factors share about a person, for that person."""

from typing import Any

from otp_service.core.database.rows import rows_about
from otp_service.factors.models import FactorDefault, FactorThrottle


def defaults(user_id: int) -> list[dict[str, Any]]:
    """The method that the user wants to be asked for first."""
    return rows_about(FactorDefault.user_id == user_id, FactorDefault.method)


def throttles(user_id: int) -> list[dict[str, Any]]:
    """How often each authenticator was tried in vain."""
    columns = (
        FactorThrottle.authenticator, FactorThrottle.in_a_row, FactorThrottle.in_window,
        FactorThrottle.window_started_at,
    )  # fmt: skip
    return rows_about(FactorThrottle.user_id == user_id, *columns)
