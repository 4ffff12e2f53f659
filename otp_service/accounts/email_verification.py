"""Verifies e-mail addresses by links: the address of a registration, and one that an account changes to.

The link of a registration works by itself. A change must also be confirmed by the account that requested it: else the
owner of the new address, who expects another message, would give it away by one click (ADR 34).
"""

from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from otp_service import audit, outbox, sessions
from otp_service.accounts import authentication, email_addresses, email_release, links, notices, registrations, users
from otp_service.accounts.errors import (
    EmailAlreadyVerified,
    EmailChangeUnconfirmed,
    EmailLinkLimit,
    EmailMissing,
    EmailTaken,
    EmailUnchanged,
)
from otp_service.accounts.links import Link, LinkPurpose, Mailed
from otp_service.accounts.settings import ExistenceSettings
from otp_service.accounts.users import Account
from otp_service.core import allowances, clock
from otp_service.core.addresses import site_of
from otp_service.core.allowances import HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.even_timing import even_timing
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller, SteppedUp
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
    _send_verification(account, client, clock.now())


def resend(caller: Caller, *, client: ClientInfo) -> None:
    """Send another link to the account's address; earlier links stop working.

    Raises EmailAlreadyVerified, EmailMissing, EmailLinkLimit, InvalidToken.
    """
    now = clock.now()
    with transaction():
        account = users.hold_bearer(caller.user_id)
        if account.email_verified:
            raise EmailAlreadyVerified
        if account.address is None:
            raise EmailMissing
        for allowance in _resends(account.id):
            allowances.take(allowance, now=now)
        _send_verification(account, client, now)
        audit.record("email.link_sent", user_id=account.id, client=client, at=now)


def request_change(caller: Caller, *, email: str, client: ClientInfo) -> None:
    """Send a link to a new address. The account changes when the link is used; only the newest link counts.

    Raises EmailUnchanged, EmailTaken, EmailLinkLimit, InvalidToken. The owner of a taken address is notified. While
    existence is hidden, it gets the same response as a free one, after the same time.
    """
    if not settings().of(ExistenceSettings).hidden:
        now = clock.now()
        if not _request_change(caller, email, client, now):
            email_release.notify_owner(email, "email.claimed", client=client, now=now)
            raise EmailTaken
        return
    with even_timing().even():
        now = clock.now()
        if not _request_change(caller, email, client, now):
            email_release.notify_owner(email, "email.claimed", client=client, now=now)


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
            _send_change(account, email, caller.session_id, client, now)
            audit.record("email.change_requested", user_id=account.id, client=client, at=now)
    # Returned, not raised: the counts must be committed, or asking which addresses are taken would cost nothing.
    return not is_taken


def verify(
    token: str, *, caller: Caller | None, password: str | None, client: ClientInfo
) -> tuple[Outcome, SteppedUp | None]:
    """Redeem the token of a link, or the code of its message, once. No session starts.

    A change gives the caller's session a new access token.

    A change needs `caller`, the session that requested it, or the account's `password`. Raises InvalidToken, TooMany
    for codes, EmailTaken if another account has the address, and what `_confirm` raises; after the latter two the token
    still works.
    """
    now = clock.now()
    links.count_typed(token, client=client, now=now)
    verification = links.find(token, LinkPurpose.EMAIL_VERIFICATION, now=now)
    if verification is not None:
        _verify(token, verification, client, now)
        return Outcome.VERIFIED, None
    change = links.find(token, LinkPurpose.EMAIL_CHANGE, now=now)
    if change is None:
        raise InvalidToken
    _require_open(change, users.get_bearer(change.user_id))
    _confirm(change, caller, password, client)
    renewed = _change(token, change, client, clock.now())
    is_its = caller is not None and caller.session_id in renewed
    return Outcome.CHANGED, sessions.go_on(caller, renewed) if caller is not None and is_its else None


def _confirm(change: Link, caller: Caller | None, password: str | None, client: ClientInfo) -> None:
    """Check that the account which requested a change confirms it. Call it outside transactions: it may hash.

    Raises EmailChangeUnconfirmed, InvalidCredentials, AccountLocked, SlotsBusy.
    """
    if caller is not None and (caller.user_id, caller.session_id) == (change.user_id, change.session_id):
        return
    if password is None:
        raise EmailChangeUnconfirmed
    account = users.get_bearer(change.user_id)
    checked = authentication.authenticate(email=account.email, password=password, client=client)
    with transaction():
        checked.settle()


def _verify(token: str, link: Link, client: ClientInfo, now: datetime) -> None:
    with transaction():
        account = users.hold_bearer(link.user_id)
        links.spend(token, LinkPurpose.EMAIL_VERIFICATION, now=now)
        if link.email is None or not email_addresses.mark_verified(account.id, email=link.email, now=now):
            raise InvalidToken  # the account changed its address since the link was sent
        if account.held_until is not None:
            registrations.void_prepared(account, now=now)
        audit.record("email.verified", user_id=account.id, client=client, at=now)


def _require_open(change: Link, account: Account) -> None:
    """Raise InvalidToken if the request was voided: by a new password, a lock or a sign-out since.

    That may have been the owner, getting rid of an intruder who requested this change.
    """
    was_ended = change.session_id is not None and sessions.was_ended(change.session_id)
    # A void is dated ahead by the leeway, for challenges (ADR 28). What voids changes has spent their links as well.
    requested = change.created_at + timedelta(seconds=settings().tokens.clock_leeway_seconds)
    if account.locked_at is not None or was_ended or account.has_voided(requested):
        raise InvalidToken


def _change(token: str, link: Link, client: ClientInfo, now: datetime) -> dict[UUID, Caller]:
    """Give the account its new address, and end every session but the one that requested the change.

    Return that session by its earlier id, if it is live.
    """
    with transaction():
        account = users.hold_bearer(link.user_id)
        _require_open(link, account)  # again under the lock on the user
        if link.email is None:
            raise InvalidToken
        links.spend(token, LinkPurpose.EMAIL_CHANGE, now=now)
        email_addresses.change(account, email=link.email, now=now)
        links.void_sent(account.id, now=now)
        ended = sessions.end_all(account.id, now=now, keep=link.session_id)
        audit.record("email.changed", user_id=account.id, client=client, at=now, sessionsEnded=ended)
        if account.address is not None:
            # To the address from before: its owner must learn of a change that an intruder made.
            to = account.address
            notices.notify(account.id, "email_changed", now=now, client=client, to=to, new_email=link.email)
        return users.renew_sessions(account.id, now=now)


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


def _send_verification(account: Account, client: ClientInfo, now: datetime) -> None:
    """Send a link that verifies the account's address, and one with which a stranger to the account releases it."""
    purpose, email = LinkPurpose.EMAIL_VERIFICATION, account.email
    mailed = links.issue_for_mail(account.id, purpose, lifetime=LIFETIME, now=now, email=email)
    release = {} if account.email_verified else email_release.issue(account, now=now)
    _send("address_verification", email, account, mailed, client, now, **release)


def _send_change(account: Account, email: str, session_id: UUID, client: ClientInfo, now: datetime) -> None:
    purpose = LinkPurpose.EMAIL_CHANGE
    mailed = links.issue_for_mail(account.id, purpose, lifetime=LIFETIME, now=now, email=email, session_id=session_id)
    _send("address_change", email, account, mailed, client, now)


def _send(
    template: str, to: str, account: Account, mailed: Mailed, client: ClientInfo, now: datetime, **more: str | None
) -> None:
    """Send a link, and say which account asks for it: by number, time and network, without a text of a stranger's."""
    outbox.enqueue(
        template,
        to=to,
        locale=account.locale,
        now=now,
        user_id=account.id,
        link=links.web_address(PAGE, mailed.token),
        token=mailed.code,
        valid_minutes=int(LIFETIME.total_seconds()) // 60,
        phone_number=account.phone_number,
        network=site_of(client.ip) or None,
        **more,
    )
