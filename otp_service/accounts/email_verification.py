"""Verifies e-mail addresses by links: the address of a registration, and one that an account changes to."""

from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from otp_service import audit, outbox, sessions
from otp_service.accounts import email_addresses, links, notices, users
from otp_service.accounts.errors import EmailAlreadyVerified, EmailLinkLimit, EmailTaken, EmailUnchanged
from otp_service.accounts.links import Link, LinkPurpose
from otp_service.accounts.settings import ExistenceSettings
from otp_service.accounts.users import Account
from otp_service.core import allowances, clock
from otp_service.core.allowances import HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.even_timing import even_timing
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller
from otp_service.sessions.errors import InvalidToken

LIFETIME = timedelta(hours=24)
PAGE = "verify-email"
PER_HOUR = 5
PAUSE_SECONDS = 120
_TO_ONE = "email changes to address"


class Outcome(Enum):
    """What a link led to, as the response says it."""

    VERIFIED = "Email address verified."
    CHANGED = "Email address changed."


def send_first(account: Account, *, client: ClientInfo) -> None:
    """Send a link to a registered address, in the registration's transaction."""
    _send(account, LinkPurpose.EMAIL_VERIFICATION, to=account.email, client=client, now=clock.now())


def resend(caller: Caller, *, client: ClientInfo) -> None:
    """Send another link to the account's address; earlier links stop working.

    Raises EmailAlreadyVerified, EmailLinkLimit, InvalidToken.
    """
    now = clock.now()
    with transaction():
        account = users.hold_bearer(caller.user_id)
        if account.email_verified:
            raise EmailAlreadyVerified
        for allowance in _resends(account.id):
            allowances.take(allowance, now=now)
        _send(account, LinkPurpose.EMAIL_VERIFICATION, to=account.email, client=client, now=now)
        audit.record("email.link_sent", user_id=account.id, client=client, at=now)


def request_change(caller: Caller, *, email: str, client: ClientInfo) -> None:
    """Send a link to a new address. The account changes when the link is used; only the newest link counts.

    Raises EmailUnchanged, EmailTaken, EmailLinkLimit, InvalidToken. While existence is hidden, a taken address gets
    the same response as a free one, after the same time, and its owner is notified.
    """
    if not settings().of(ExistenceSettings).hidden:
        if not _request_change(caller, email, client, clock.now()):
            raise EmailTaken
        return
    with even_timing().even():
        now = clock.now()
        if not _request_change(caller, email, client, now):
            email_addresses.notify_owner(email, "email.claimed", client=client, now=now)


def _request_change(caller: Caller, email: str, client: ClientInfo, now: datetime) -> bool:
    """Return False if the address is taken."""
    with transaction():
        account = users.hold_bearer(caller.user_id)
        if account.email == email:
            raise EmailUnchanged
        for allowance in _changes(account.id, email):
            allowances.take(allowance, now=now)
        is_taken = email_addresses.is_taken(email, now=now)
        if not is_taken:
            purpose, session_id = LinkPurpose.EMAIL_CHANGE, caller.session_id
            _send(account, purpose, to=email, client=client, now=now, session_id=session_id)
            audit.record("email.change_requested", user_id=account.id, client=client, at=now)
    # Returned, not raised: the counts must be committed, or asking which addresses are taken would cost nothing.
    return not is_taken


def verify(token: str, *, client: ClientInfo) -> Outcome:
    """Redeem the token of a link, once. No session starts.

    Raises InvalidToken, and EmailTaken if another account verified the address first.
    """
    now = clock.now()
    verification = links.find(token, LinkPurpose.EMAIL_VERIFICATION, now=now)
    if verification is not None:
        _verify(token, verification, client, now)
        return Outcome.VERIFIED
    change = links.find(token, LinkPurpose.EMAIL_CHANGE, now=now)
    if change is None:
        raise InvalidToken
    _change(token, change, client, now)
    return Outcome.CHANGED


def _verify(token: str, link: Link, client: ClientInfo, now: datetime) -> None:
    with transaction():
        account = users.hold_bearer(link.user_id)
        links.spend(token, LinkPurpose.EMAIL_VERIFICATION, now=now)
        if link.email is None or not email_addresses.mark_verified(account.id, email=link.email, now=now):
            raise InvalidToken  # the account changed its address since the link was sent
        audit.record("email.verified", user_id=account.id, client=client, at=now)


def _change(token: str, link: Link, client: ClientInfo, now: datetime) -> None:
    """Give the account its new address, and end every session but the one that requested the change."""
    with transaction():
        account = users.hold_bearer(link.user_id)
        was_ended = link.session_id is not None and sessions.was_ended(link.session_id)
        # Checked under the lock on the user: a new password, a lock or a sign-out since the request may be the owner
        # getting rid of an intruder who requested this change.
        if link.email is None or was_ended or account.has_voided(link.created_at):
            raise InvalidToken
        links.spend(token, LinkPurpose.EMAIL_CHANGE, now=now)
        email_addresses.change(account, email=link.email, now=now)
        links.void_sent(account.id, now=now)
        ended = sessions.end_all(account.id, now=now, keep=link.session_id)
        audit.record("email.changed", user_id=account.id, client=client, at=now, sessionsEnded=ended)
        # To the address from before: its owner must learn of a change that an intruder made.
        notices.notify(account.id, "email_changed", now=now, client=client, to=account.email, new_email=link.email)


def _resends(user_id: int) -> tuple[Allowance, ...]:
    return (
        Allowance("email resend pause", str(user_id), 1, PAUSE_SECONDS, EmailLinkLimit),
        Allowance("email resends", str(user_id), PER_HOUR, HOUR, EmailLinkLimit),
    )


def _changes(user_id: int, email: str) -> tuple[Allowance, ...]:
    """Count by account, and by address over all accounts, so that many accounts cannot fill one mailbox."""
    address = keyring().digest(email, purpose=_TO_ONE)
    return (
        Allowance("email changes", str(user_id), PER_HOUR, HOUR, EmailLinkLimit),
        Allowance(_TO_ONE, address, PER_HOUR, HOUR, EmailLinkLimit),
    )


def _send(
    account: Account,
    purpose: LinkPurpose,
    *,
    to: str,
    client: ClientInfo,
    now: datetime,
    session_id: UUID | None = None,
) -> None:
    token = links.issue(account.id, purpose, lifetime=LIFETIME, now=now, email=to, session_id=session_id)
    outbox.enqueue(
        "address_verification",
        to=to,
        locale=account.locale,
        now=now,
        user_id=account.id,
        link=links.web_address(PAGE, token),
        token=token,
        valid_minutes=int(LIFETIME.total_seconds()) // 60,
        ip=client.ip or None,
        agent=client.agent or None,
    )
