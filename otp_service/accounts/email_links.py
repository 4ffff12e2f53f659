"""Sends links that prove an e-mail address: at registration, again when asked, and to an address to change to."""

from datetime import datetime, timedelta
from uuid import UUID

from otp_service import audit, outbox
from otp_service.accounts import callers, email_owners, links
from otp_service.accounts.errors import EmailAlreadyVerified, EmailLinkLimit, EmailTaken, EmailUnchanged
from otp_service.accounts.links import LinkPurpose
from otp_service.accounts.users import Account
from otp_service.core import allowances, clock
from otp_service.core.allowances import HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.settings import settings
from otp_service.core.web.even_timing import pace
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller

LIFETIME = timedelta(hours=24)
PAGE = "verify-email"
PER_HOUR = 5
PAUSE_SECONDS = 120
_TO_ONE = "email changes to address"


def send_first(account: Account, *, client: ClientInfo) -> None:
    """Have a registered address proven, in the registration's transaction."""
    _send(account, LinkPurpose.EMAIL_VERIFICATION, to=account.email, client=client, now=clock.now())


def resend(caller: Caller, *, client: ClientInfo) -> None:
    """Send another link to the account's address; earlier ones are dead.

    Raises EmailAlreadyVerified, EmailLinkLimit, InvalidToken.
    """
    now = clock.now()
    with transaction():
        account = callers.hold(caller.user_id)
        if account.email_verified:
            raise EmailAlreadyVerified
        for allowance in _resends(account.id):
            allowances.take(allowance, now=now)
        _send(account, LinkPurpose.EMAIL_VERIFICATION, to=account.email, client=client, now=now)
        audit.record("email.link_sent", user_id=account.id, client=client, at=now)


def ask_change(caller: Caller, *, email: str, client: ClientInfo) -> None:
    """Send a link to a new address; nothing changes before it is opened, and only the newest one counts.

    Raises EmailUnchanged, EmailTaken, EmailLinkLimit, InvalidToken. While existence is hidden, a taken address gets
    the same answer as a free one, after the same time, and its owner is told.
    """
    if not settings().existence.hidden:
        if not _ask_change(caller, email, client, clock.now()):
            raise EmailTaken
        return
    with pace().even():
        now = clock.now()
        if not _ask_change(caller, email, client, now):
            email_owners.tell_owner(email, "email.claimed", client=client, now=now)


def _ask_change(caller: Caller, email: str, client: ClientInfo, now: datetime) -> bool:
    """False when the address is taken; that is committed, so that asking after addresses is counted."""
    with transaction():
        account = callers.hold(caller.user_id)
        if account.email == email:
            raise EmailUnchanged
        for allowance in _changes(account.id, email):
            allowances.take(allowance, now=now)
        is_taken = email_owners.is_taken(email, now=now)
        if not is_taken:
            purpose, session_id = LinkPurpose.EMAIL_CHANGE, caller.session_id
            _send(account, purpose, to=email, client=client, now=now, session_id=session_id)
            audit.record("email.change_requested", user_id=account.id, client=client, at=now)
    return not is_taken


def _resends(user_id: int) -> tuple[Allowance, ...]:
    return (
        Allowance("email resend pause", str(user_id), 1, PAUSE_SECONDS, EmailLinkLimit),
        Allowance("email resends", str(user_id), PER_HOUR, HOUR, EmailLinkLimit),
    )


def _changes(user_id: int, email: str) -> tuple[Allowance, ...]:
    """To one address for all accounts together, so that nobody's mailbox is filled by many of them."""
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
