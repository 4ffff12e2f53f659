"""What operators and backends do to an account, across features. `client` is who does it, for the audit trail."""

from otp_service import audit, sessions
from otp_service.accounts import earned, email_addresses, links, numbers, registrations, users
from otp_service.accounts.notices import notify
from otp_service.accounts.users import Account
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry, throttle


def unlock(user_id: int, *, client: ClientInfo = COMMAND_LINE) -> Account:
    """Undo an operator's lock, the wait after wrong passwords, and the disabling of factors. Raises UserNotFound."""
    with transaction():
        account = users.unlock(user_id, client=client)
        throttle.enable(user_id)
        return account


def set_phone_number(
    user_id: int, phone_number: str, *, is_verified: bool, client: ClientInfo = COMMAND_LINE
) -> Account:
    """Give the user another number. Raises PhoneNumberTaken, UserNotFound."""
    with transaction():
        account = numbers.set_by_operator(user_id, phone_number, is_verified=is_verified, client=client)
        # A code on its way to the old number must not verify the new one.
        earned.void(user_id, now=clock.now(), by_operator=True)
        # The sessions stay, and their access tokens end: one may have been stolen before (ADR 33).
        users.renew_sessions(user_id, now=clock.now())
        return account


def set_email(user_id: int, email: str, *, is_verified: bool, client: ClientInfo) -> None:
    """Give the user another address, and notify the one before. Raises EmailTaken, UserNotFound."""
    now = clock.now()
    with transaction():
        account = users.get(user_id)
        email_addresses.change(account, email=email, is_verified=is_verified, now=now)
        links.void_sent(user_id, now=now)  # a link to the old address must not verify the new one
        audit.record("email.set_by_operator", user_id=user_id, client=client, at=now, verified=is_verified)
        if account.address is not None:
            notify(user_id, "email_changed", now=now, to=account.address, new_email=email)
        users.renew_sessions(user_id, now=now)


def mark_email(user_id: int, *, is_verified: bool, client: ClientInfo) -> None:
    """Mark the address as verified or not. Raises UserNotFound, EmailMissing."""
    now = clock.now()
    with transaction():
        account = users.get(user_id)
        email_addresses.mark_by_operator(account, is_verified=is_verified, now=now)
        if is_verified and account.held_until is not None:
            registrations.void_prepared(account, now=now)
        event = "email.verified_by_operator" if is_verified else "email.unverified_by_operator"
        audit.record(event, user_id=user_id, client=client, at=now)


def edit_profile(user_id: int, values: dict[str, str | None], *, client: ClientInfo) -> None:
    """Change display name or locale, in the open transaction."""
    users.edit(user_id, **values)
    audit.record("profile.edited", user_id=user_id, client=client, at=clock.now(), fields=sorted(values))


def reset_factors(user_id: int, *, client: ClientInfo = COMMAND_LINE) -> dict[str, int]:
    """Remove every factor except the phone, end all sessions and notify the user.

    Returns how many factors of each kind were removed. Raises UserNotFound.
    """
    now = clock.now()
    with transaction():
        users.get(user_id)
        removed = registry.remove_all(user_id, now=now)
        throttle.enable(user_id)
        # A sign-in that has begun would still accept a factor that it offered.
        earned.void(user_id, now=now, by_operator=True)
        sessions.end_all(user_id, now=now)
        audit.record("factor.all_reset", user_id=user_id, client=client, at=now, removed=removed)
        for kind in (kind for kind, count in removed.items() if count):
            audit.record("factor.removed", user_id=user_id, client=client, at=now, factor=kind)
            notify(user_id, "factor_removed", now=now, factor=kind)
    return removed
