"""Takes all second factors off an account, on an operator's word: for people who lost every one of them."""

from otp_service import audit, sessions
from otp_service.accounts import users
from otp_service.accounts.notices import notify
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.factors import registry, throttle


def reset(user_id: int) -> dict[str, int]:
    """Remove every factor but the phone, end all sessions, tell the person; how many of each kind there were.

    Raises UserNotFound.
    """
    now = clock.now()
    with transaction():
        users.get(user_id)
        removed = registry.remove_all(user_id, now=now)
        throttle.enable(user_id)
        users.void_challenges(user_id, now=now)
        sessions.end_all(user_id, now=now)
        audit.record("factor.all_reset", user_id=user_id, client=audit.COMMAND_LINE, at=now, removed=removed)
        for kind in (kind for kind, count in removed.items() if count):
            notify(user_id, "factor_removed", now=now, factor=kind)
    return removed
