"""Opens the session that a sign-in earned: the one place that every way to sign in leads to."""

from datetime import datetime

from otp_service import sessions
from otp_service.accounts import users
from otp_service.auth import sign_in_notices
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Grant, Tokens


def open_session(user_id: int, *, amr: tuple[str, ...], acr: str, client: ClientInfo, now: datetime) -> Tokens:
    """Start a session in the open transaction, and tell the person if the device is unknown. Raises UserNotFound."""
    sign_in_notices.tell_if_new(user_id, client=client, now=now)
    is_verified = users.get(user_id).is_verified
    return sessions.start(Grant(user_id, amr=amr, acr=acr, is_verified=is_verified), client=client, now=now)
