"""The consequences of a change of a user's factors, whatever the factor: backup codes, event, notice, ended trust."""

import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from otp_service import audit, sessions
from otp_service.accounts import notices, users
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle, trusted_devices
from otp_service.factors.contract import MakeFirstCodes, NewCodes
from otp_service.factors.removals import RemovalSettings
from otp_service.factors.strength import Strength, is_reached
from otp_service.sessions import Caller


@dataclass(frozen=True, slots=True)
class Added:
    """What comes with a new factor: the first backup codes, to be shown once, and the sessions by their earlier ids."""

    backup_codes: tuple[str, ...]
    sessions: dict[uuid.UUID, Caller]

    def shown_to(self, caller: Caller) -> dict[str, Any]:
        """Return the fields of the response: new codes, and the token that goes on. Raises InvalidToken."""
        codes = {"backup_codes": self.backup_codes} if self.backup_codes else {}
        return {**codes, **asdict(sessions.go_on(caller, self.sessions))}


_makers: list[MakeFirstCodes] = []
_counters: list[Callable[[int], int]] = []


def make_first_codes_by(maker: MakeFirstCodes) -> None:
    """Name the factor whose codes come with a first authenticator.

    The registry calls this when it is imported: factors know neither each other nor the registry.
    """
    _makers[:] = [maker]


def make_first_codes(user_id: int) -> NewCodes | None:
    """Make backup codes for a user who adds an authenticator; None if the user has some, or no factor makes any.

    Call it before the transaction that adds the authenticator: hashing takes long. Raises SlotsBusy.
    """
    return _makers[0](user_id) if _makers else None


def count_authenticators_by(counter: Callable[[int], int]) -> None:
    """Name the function that counts a user's authenticators besides the phone. The registry calls this, as above."""
    _counters[:] = [counter]


def authenticators_beyond_phone(user_id: int) -> int:
    """Return how many lasting authenticators the user has besides the phone."""
    return _counters[0](user_id)


def record_added(
    user_id: int,
    kind: str,
    *,
    client: ClientInfo,
    now: datetime,
    first_codes: NewCodes | None,
    **facts: str,
) -> Added:
    """Record that a factor was added, in the open transaction that holds the user, and notify the user.

    The tries of its kind are cleared. Trust in devices ends, since it was given without this factor. `facts` go into
    the event, and not into the notice: an intruder may have named the authenticator. Return the backup codes that came
    with it, and the sessions by their ids from before.
    """
    throttle.clear(user_id, kind)  # a disabled kind works again with its new authenticator
    trusted_devices.end_all(user_id, now=now)
    audit.record("factor.added", user_id=user_id, client=client, at=now, factor=kind, **facts)
    notices.notify(user_id, "factor_added", now=now, client=client, factor=kind)
    codes = first_codes.store_first(client=client, now=now) if first_codes is not None else ()
    return Added(codes, users.renew_sessions(user_id, now=now))


def removes_at_once(caller: Caller, needed: Strength) -> bool:
    """Whether the caller's sign-in may remove a factor of this strength at once; else the removal waits (ADR 35)."""
    return is_reached(caller, needed) or not settings().of(RemovalSettings).delay


def record_removed(
    user_id: int,
    kind: str,
    *,
    client: ClientInfo,
    now: datetime,
    keep: uuid.UUID | None = None,
    **facts: str,
) -> None:
    """Record that a factor was removed, in the open transaction, and notify the user.

    A removed authenticator may be in wrong hands. Trust in devices and all sessions but the one to `keep` end, since
    the authenticator may have started them. `facts` are those of `record_added`.
    """
    trusted_devices.end_all(user_id, now=now)
    sessions.end_all(user_id, now=now, keep=keep)
    # An access token that was stolen before ends, too (ADR 33).
    users.renew_sessions(user_id, now=now)
    audit.record("factor.removed", user_id=user_id, client=client, at=now, factor=kind, **facts)
    notices.notify(user_id, "factor_removed", now=now, client=client, factor=kind)
