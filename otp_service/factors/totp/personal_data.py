"""What is stored about a person's authenticator app, for that person; its key stays here."""

from typing import Any

from otp_service.core.database.rows import rows_about
from otp_service.factors.totp.models import TotpAuthenticator


def authenticators(user_id: int) -> list[dict[str, Any]]:
    """The authenticator app, confirmed or not."""
    columns = (TotpAuthenticator.created_at, TotpAuthenticator.confirmed_at, TotpAuthenticator.last_used_at)
    return rows_about(TotpAuthenticator.user_id == user_id, *columns)
