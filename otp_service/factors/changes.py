"""What a change of a user's factors brings with it, whatever the factor: event, notice, tries, trusted devices."""

from datetime import datetime

from otp_service import audit, sessions
from otp_service.accounts import notices
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle, trusted_devices
from otp_service.sessions import Caller


def record_added(
    user_id: int, kind: str, *, client: ClientInfo, now: datetime, label: str | None = None, **facts: str
) -> None:
    """Tell that a factor was added, in the open transaction.

    Wrong tries of its kind are forgotten, and so are devices that were trusted without it. `label` is what its owner
    calls it, for the notice; `facts` go into the event.
    """
    throttle.clear(user_id, kind)
    trusted_devices.end_all(user_id, now=now)
    audit.record("factor.added", user_id=user_id, client=client, at=now, factor=kind, **facts)
    notices.notify(user_id, "factor_added", now=now, client=client, factor=kind, label=label)


def record_removed(
    caller: Caller, kind: str, *, client: ClientInfo, now: datetime, label: str | None = None, **facts: str
) -> None:
    """Tell that the caller removed a factor, in the open transaction; trusted devices and all other sessions end.

    Whoever has the factor may be who it was taken from. `label` and `facts` are those of `record_added`.
    """
    trusted_devices.end_all(caller.user_id, now=now)
    sessions.end_all(caller.user_id, now=now, keep=caller.session_id)
    audit.record("factor.removed", user_id=caller.user_id, client=client, at=now, factor=kind, **facts)
    notices.notify(caller.user_id, "factor_removed", now=now, client=client, factor=kind, label=label)
