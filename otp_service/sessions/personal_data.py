"""What sessions store about a person, for that person."""

from typing import Any

from otp_service.core.database.portable import rows_about
from otp_service.sessions.models import Session


def sessions(user_id: int) -> list[dict[str, Any]]:
    """The user's sessions, those that are over as well until they are forgotten."""
    columns = (
        Session.created_at, Session.id, Session.last_used_at, Session.authenticated_at, Session.expires_at,
        Session.ended_at, Session.amr, Session.acr, Session.ip, Session.agent,
    )  # fmt: skip
    return rows_about(Session.user_id == user_id, *columns)
