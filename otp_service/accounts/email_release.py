"""The owner of a mailbox takes its address back from an account that never verified it (ADR 34).

A verified number alone gives no right to an address. An account with a verified address never loses it here.
"""

from datetime import datetime, timedelta
from typing import TypedDict

from otp_service import audit
from otp_service.accounts import email_addresses, links, notices, registrations, users
from otp_service.accounts.errors import EmailAlreadyVerified
from otp_service.accounts.links import LinkPurpose
from otp_service.accounts.models import User
from otp_service.accounts.users import Account
from otp_service.core import allowances, clock
from otp_service.core.addresses import site_of
from otp_service.core.allowances import DAY, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions.errors import InvalidToken

LIFETIME = timedelta(days=7)
PAGE = "release-email"
_NOTICE = "notices to the owner of an address"


class Release(TypedDict, total=False):
    """What releases an address, as values of an e-mail; empty for an account that verified it."""

    release_token: str
    release_link: str | None


def issue(account: Account, *, now: datetime) -> Release:
    """Return the token that releases the account's address, and its link, as values of an e-mail to that address."""
    purpose = LinkPurpose.EMAIL_RELEASE
    mailed = links.issue_for_mail(account.id, purpose, lifetime=LIFETIME, now=now, email=account.email)
    return {"release_token": mailed.code, "release_link": links.web_address(PAGE, mailed.token)}


def notify_owner(email: str, event: str, *, client: ClientInfo, now: datetime) -> None:
    """Notify the mailbox that an address is taken which somebody tried to use; the caller learns neither way.

    If the account never verified the address, the message has a link that releases it. Sends at most one message a day
    to an address, so that strangers cannot fill a mailbox.
    """
    with transaction():
        account = users.find_by_email(email)
        if account is None:
            return  # deleted after the address was found taken: the next try finds it free
        audit.record(event, user_id=account.id, client=client, at=now)
        address = keyring().digest(email, purpose=_NOTICE)
        if not allowances.take_if_left(Allowance(_NOTICE, address, 1, DAY), now=now):
            return
        template = "already_registered" if account.email_verified else "address_held"
        release = {} if account.email_verified else issue(account, now=now)
        network = site_of(client.ip) or None
        notices.notify(account.id, template, now=now, phone_number=account.phone_number, network=network, **release)


def release(token: str, *, client: ClientInfo) -> None:
    """Take the address from the account that the token names; a registration without a verified number is deleted.

    The account keeps all the rest and signs in by its number. Raises InvalidToken, EmailAlreadyVerified, and
    TooMany for codes.
    """
    now = clock.now()
    links.count_typed(token, client=client, now=now)
    link = links.find(token, LinkPurpose.EMAIL_RELEASE, now=now)
    account = users.find_by_id(link.user_id) if link is not None else None
    if link is None or account is None or account.email != link.email:
        raise InvalidToken
    if account.email_verified:
        raise EmailAlreadyVerified
    with transaction():
        # One conditional statement decides, in the order of a deletion: the user before the links (ADR 3).
        is_it = (User.id == account.id) & (User.email == link.email) & User.email_verified_at.is_(None)
        if registrations.release(is_it, now=now):
            return
        if not email_addresses.take_from(account):
            raise InvalidToken
        links.void_sent(account.id, now=now)
        # Recorded without a client: the account's holder reads this event and must not learn who owns the mailbox.
        audit.record("email.released", user_id=account.id, client=audit.SERVICE, at=now)
