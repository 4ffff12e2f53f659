"""What the service stores about a person: the person's events, the export of everything, and its erasure."""

from datetime import datetime
from typing import Any

from otp_service import audit, outbox, sessions
from otp_service.accounts import (
    authentication,
    deletions,
    earlier_addresses,
    earlier_numbers,
    known_clients,
    links,
    throttle,
    users,
)
from otp_service.accounts.errors import UserNotFound
from otp_service.accounts.users import Account
from otp_service.audit import COMMAND_LINE
from otp_service.auth import challenges
from otp_service.core import allowances, clock
from otp_service.core.database.rows import ExportPart, split_page
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import defaults, removals
from otp_service.factors import throttle as factor_throttle
from otp_service.factors.registry import FACTORS
from otp_service.factors.trusted_devices import devices as trusted_devices
from otp_service.recovery import email_codes
from otp_service.selfservice.settings import DeletionSettings
from otp_service.sessions import Caller

BATCH = 100
"""Accounts that one look for due deletions finds."""

# A new table about people needs a line here, or in its factor: a test compares the lists with the database.
PARTS = (
    ExportPart("profile", "users", users.personal_data),
    ExportPart("links", "account_links", links.personal_data),
    ExportPart("phoneChanges", "phone_changes", earlier_numbers.personal_data),
    ExportPart("earlierAddresses", "earlier_addresses", earlier_addresses.personal_data),
    ExportPart("recoveryCodes", "recovery_codes", email_codes.personal_data),
    ExportPart("challenges", "challenges", challenges.personal_data),
    ExportPart("sessions", "sessions", sessions.personal_data),
    ExportPart("verifiedNetworks", "verified_networks", known_clients.personal_data),
    *(part for factor in FACTORS for part in factor.personal_data),
    ExportPart("factorRemovals", "factor_removals", removals.personal_data),
    ExportPart("defaultMethods", "factor_defaults", defaults.personal_data),
    ExportPart("failedProofs", "factor_throttles", factor_throttle.personal_data),
    ExportPart("trustedDevices", "trusted_devices", trusted_devices.personal_data),
    ExportPart("messages", "outbox_messages", outbox.personal_data),
    ExportPart("events", "audit_events", audit.personal_data),
)
EXEMPT = {
    "app_verifications": "numbers of people who have no account here: their backend reads and erases them",
    "insight_totals": "totals of apps and of all people together",
    "challenge_origins": "keyed hashes that tell places apart and name none; they end with their challenge",
    **{table: reason for factor in FACTORS for table, reason in factor.not_exported.items()},
}
"""Tables with a user's id or an owner that an export leaves out, and why."""


def events(user_id: int, *, cursor: str | None) -> dict[str, Any]:
    """Return a page of the user's events and the cursor of the next page, None at the end."""
    found = audit.events_of(user_id, before=int(cursor) if cursor else None, limit=audit.PAGE + 1)
    listed, last = split_page(found, audit.PAGE)
    return {"events": listed, "next": str(last.id) if last else None}


def export(user_id: int) -> dict[str, Any]:
    """Return all parts. Each is as of its own moment."""
    return {"exportedAt": clock.now(), **{part.name: part.read(user_id) for part in PARTS}}


def erase_own(caller: Caller, *, password: str, client: ClientInfo) -> datetime | None:
    """Erase the caller's account, or have it erased after the days of the setting; return when, None for at once.

    Until then a sign-in undoes it. Raises InvalidCredentials, AccountLocked, SlotsBusy, InvalidToken.
    """
    account = users.get_bearer(caller.user_id)
    authentication.confirm_password(account, password, session_id=caller.session_id, client=client)
    delay = settings().of(DeletionSettings).delay
    if not delay:
        _erase(account, "user.deleted", client)
        return None
    now = clock.now()
    with transaction():
        users.hold_bearer(account.id)
        # A device needs no second factor, and a deletion is undone by one.
        trusted_devices.end_all(account.id, now=now)
        return deletions.schedule(account, after=delay, client=client, now=now)


def erase_due(now: datetime) -> int:
    """Erase the accounts whose time to undo a deletion is over; return how many."""
    erased = 0
    while batch := deletions.due(now, limit=BATCH):
        for user_id in batch:
            account = users.find_by_id(user_id)
            if account is not None and account.is_over(now):
                _erase_once(account)
                erased += 1
    return erased


def _erase_once(account: Account) -> None:
    try:
        _erase(account, "user.deleted", audit.SERVICE)
    except UserNotFound:
        return  # another worker was faster


def erase_by_operator(account: Account, *, client: ClientInfo = COMMAND_LINE) -> None:
    """Erase an account. Raises UserNotFound."""
    _erase(account, "user.deleted_by_operator", client, is_own=False)


def _erase(account: Account, event: str, client: ClientInfo, *, is_own: bool = True) -> None:
    """Delete the account and the user's rows; keep the events without personal data, and notify the person."""
    now = clock.now()
    with transaction():
        users.remove(account.id)
        outbox.forget_user(account.id)
        throttle.clear_account(account.id, account.email)
        # Only what counts by account. What counts by number stays: else each deletion would allow the next account as
        # many messages to that number again (ADR 13).
        allowances.clear_subject(str(account.id))
        # Who erased another's account is not that person's data, so it stays readable.
        record = audit.record if is_own else audit.record_erasure
        record(event, user_id=account.id, client=client, at=now)
        audit.erase_person(account.id)
        if account.address is not None:
            ip, agent = (client.ip or None) if is_own else None, client.agent or None
            outbox.enqueue("account_deleted", to=account.address, locale=account.locale, now=now, ip=ip, agent=agent)
