"""Opens the session that a sign-in earned: the one place that every way to sign in leads to."""

from datetime import datetime

from otp_service import sessions
from otp_service.accounts import users
from otp_service.auth import sign_in_notices
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller, Tokens


def open_session(user_id: int, *, amr: tuple[str, ...], acr: str, client: ClientInfo, now: datetime) -> Tokens:
    """Start a session in the open transaction, and tell the person if the device is unknown. Raises UserNotFound."""
    sign_in_notices.tell_if_new(user_id, client=client, now=now)
    is_verified = users.get(user_id).is_verified
    return sessions.start(Caller(user_id, amr, acr, now, is_verified), client=client)
