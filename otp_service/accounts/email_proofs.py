"""Takes links that prove an e-mail address: the account's own, or the one that it changes to."""

from datetime import datetime
from enum import Enum

from otp_service import audit, sessions
from otp_service.accounts import callers, email_owners, links, notices
from otp_service.accounts.links import Link, LinkPurpose
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions.errors import InvalidToken


class Proof(Enum):
    """What a link led to."""

    VERIFIED = "Email address verified."
    CHANGED = "Email address changed."


def prove(token: str, *, client: ClientInfo) -> Proof:
    """Take a link's token, once; nobody is signed in.

    Raises InvalidToken, and EmailTaken when somebody else was faster to prove the address.
    """
    now = clock.now()
    verification = links.find(token, LinkPurpose.EMAIL_VERIFICATION, now=now)
    if verification is not None:
        _verify(token, verification, client, now)
        return Proof.VERIFIED
    change = links.find(token, LinkPurpose.EMAIL_CHANGE, now=now)
    if change is None:
        raise InvalidToken
    _change(token, change, client, now)
    return Proof.CHANGED


def _verify(token: str, link: Link, client: ClientInfo, now: datetime) -> None:
    with transaction():
        account = callers.hold(link.user_id)
        links.spend(token, LinkPurpose.EMAIL_VERIFICATION, now=now)
        if link.email is None or not email_owners.mark_verified(account.id, email=link.email, now=now):
            raise InvalidToken  # sent to an address that was the account's
        audit.record("email.verified", user_id=account.id, client=client, at=now)


def _change(token: str, link: Link, client: ClientInfo, now: datetime) -> None:
    """Give the account its new address, and end what was begun under the old one, save the session that asked."""
    with transaction():
        account = callers.hold(link.user_id)
        was_ended = link.session_id is not None and sessions.was_ended(link.session_id)
        if link.email is None or was_ended or account.has_voided(link.created_at):
            raise InvalidToken  # who asked may be who was to be kept out
        links.spend(token, LinkPurpose.EMAIL_CHANGE, now=now)
        email_owners.change(account, email=link.email, now=now)
        links.void_sent(account.id, now=now)
        ended = sessions.end_all(account.id, now=now, keep=link.session_id)
        audit.record("email.changed", user_id=account.id, client=client, at=now, sessionsEnded=ended)
        notices.notify(account.id, "email_changed", now=now, client=client, to=account.email, new_email=link.email)
