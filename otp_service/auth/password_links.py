"""Links from an operator that set a password: for users imported without one, and for people who lost everything."""

from datetime import timedelta

from otp_service import audit, sessions
from otp_service.accounts import known_clients, links, notices, password_hashing, users
from otp_service.accounts.links import LinkPurpose
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions.errors import InvalidToken

LIFETIME = timedelta(hours=24)
PAGE = "set-password"


def issue(user_id: int, *, client: ClientInfo = COMMAND_LINE) -> str:
    """Return a token with which the user may set a password within 24 hours."""
    now = clock.now()
    with transaction():
        audit.record("password.link_issued_by_operator", user_id=user_id, client=client, at=now)
        return links.issue(user_id, LinkPurpose.SET_PASSWORD, lifetime=LIFETIME, now=now)


def set_password(*, token: str, new_password: str, client: ClientInfo) -> None:
    """Set the password, end all sessions and void all challenges. No session starts.

    Raises InvalidToken, SlotsBusy, and InvalidInput if the policy rejects the password; the link stays valid then.
    """
    link = links.find(token, LinkPurpose.SET_PASSWORD, now=clock.now())
    if link is None:
        raise InvalidToken
    user_id = link.user_id
    account = users.get(user_id)
    # Hashed before the link is spent: a rejected password or a full queue leaves the link for another try.
    password_hash = password_hashing.hash_for(new_password, email=account.email, phone_number=account.phone_number)
    now = clock.now()
    with transaction():
        # A password that the user has set since has spent the link: it must not be replaced by an old one.
        links.spend(token, LinkPurpose.SET_PASSWORD, now=now)
        users.set_password_hash(user_id, password_hash, now=now)
        # The password comes from the operator now, and not from the phone (ADR 32).
        users.set_recovery_hold(user_id, None)
        sessions.end_all(user_id, now=now)
        known_clients.forget_all(user_id, now=now)
        known_clients.remember_verified(user_id, client=client, now=now)
        audit.record("password.set_by_link", user_id=user_id, client=client, at=now)
        notices.notify(user_id, "password_changed", now=now, client=client)
