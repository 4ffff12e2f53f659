"""Switches the phone off as a factor, for a person who has stronger ones, and on again (ADR 35).

The number stays with the account: a reset sends its first code there, and a code still verifies it.
"""

from otp_service import audit
from otp_service.accounts import notices, users
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import Conflict
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import changes
from otp_service.factors.phone.codes import KIND
from otp_service.sessions import Caller

NEEDED = 2
"""Other lasting authenticators: with one, its loss would lock the person out."""


class StrongerFactorsMissing(Conflict):
    """The user has fewer than two lasting authenticators besides the phone."""

    code = "stronger_factors_missing"
    title = "Set up two other factors first, such as an authenticator app and a passkey. Backup codes do not count."


def switch_off(caller: Caller, *, client: ClientInfo) -> None:
    """Make the phone no second factor; end trust in devices and all sessions but the caller's.

    Does nothing if it is off. Raises StrongerFactorsMissing, InvalidToken.
    """
    now, user_id = clock.now(), caller.user_id
    with transaction():
        users.hold_bearer(user_id)
        if changes.authenticators_beyond_phone(user_id) < NEEDED:
            raise StrongerFactorsMissing
        if users.switch_phone(user_id, off_at=now):
            changes.record_removed(user_id, KIND, client=client, now=now, keep=caller.session_id)


def switch_on(caller: Caller, *, client: ClientInfo) -> None:
    """Make the phone a second factor again. Does nothing if it is one. Raises InvalidToken."""
    now, user_id = clock.now(), caller.user_id
    with transaction():
        users.hold_bearer(user_id)
        if users.switch_phone(user_id, off_at=None):
            users.renew_sessions(user_id, now=now)  # as wherever a factor is added (ADR 33)
            audit.record("factor.added", user_id=user_id, client=client, at=now, factor=KIND)
            notices.notify(user_id, "factor_added", now=now, client=client, factor=KIND)
