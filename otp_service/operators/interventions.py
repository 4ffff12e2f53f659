"""What operators alone do to an account, across features."""

from otp_service import audit, sessions
from otp_service.accounts import earned, numbers, users
from otp_service.accounts.notices import notify
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.factors import registry, throttle


def unlock(user_id: int) -> Account:
    """Undo an operator's lock, the wait after wrong passwords, and the disabling of factors. Raises UserNotFound."""
    with transaction():
        account = users.unlock(user_id)
        throttle.enable(user_id)
        return account


def set_phone_number(user_id: int, phone_number: str, *, is_verified: bool) -> Account:
    """Give the user another number. Raises PhoneNumberTaken, UserNotFound."""
    with transaction():
        account = numbers.set_by_operator(user_id, phone_number, is_verified=is_verified)
        # A code on its way to the old number must not verify the new one.
        earned.void(user_id, now=clock.now(), by_operator=True)
        # The sessions stay, and their access tokens end: one may have been stolen before (ADR 33).
        users.renew_sessions(user_id, now=clock.now())
        return account


def reset_factors(user_id: int) -> dict[str, int]:
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
        audit.record("factor.all_reset", user_id=user_id, client=audit.COMMAND_LINE, at=now, removed=removed)
        for kind in (kind for kind, count in removed.items() if count):
            notify(user_id, "factor_removed", now=now, factor=kind)
    return removed
