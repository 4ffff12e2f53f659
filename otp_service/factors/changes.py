"""What a change of a user's factors brings with it, whatever the factor: event, notice, tries, trusted devices."""

from datetime import datetime

from otp_service import audit
from otp_service.accounts import notices
from otp_service.core.tracing import ClientInfo
from otp_service.factors import throttle, trusted_devices


def record_added(
    user_id: int, kind: str, *, client: ClientInfo, now: datetime, label: str | None = None, **facts: str
) -> None:
    """Tell that a factor was added, in the open transaction; wrong tries of its kind are forgotten.

    `label` is what its owner calls it, for the notice; `facts` go into the event.
    """
    throttle.clear(user_id, kind)
    audit.record("factor.added", user_id=user_id, client=client, at=now, factor=kind, **facts)
    notices.notify(user_id, "factor_added", now=now, client=client, factor=kind, label=label)


def record_removed(
    user_id: int, kind: str, *, client: ClientInfo, now: datetime, label: str | None = None, **facts: str
) -> None:
    """Tell that a factor was removed, in the open transaction; devices that were trusted beside it are no more."""
    trusted_devices.end_all(user_id, now=now)
    audit.record("factor.removed", user_id=user_id, client=client, at=now, factor=kind, **facts)
    notices.notify(user_id, "factor_removed", now=now, client=client, factor=kind, label=label)
