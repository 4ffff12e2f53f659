"""What a change of a user's factors brings with it, whatever the factor: an event, a notice, the end of old trust."""

from datetime import datetime

from otp_service import audit
from otp_service.accounts import notices
from otp_service.core.tracing import ClientInfo
from otp_service.factors import trusted_devices


def record_added(user_id: int, kind: str, *, client: ClientInfo, now: datetime) -> None:
    """Tell that a factor was added, in the open transaction."""
    audit.record("factor.added", user_id=user_id, client=client, at=now, factor=kind)
    notices.notify(user_id, "factor_added", now=now, client=client, factor=kind)


def record_removed(user_id: int, kind: str, *, client: ClientInfo, now: datetime) -> None:
    """Tell that a factor was removed, in the open transaction; devices that were trusted beside it are no more."""
    trusted_devices.end_all(user_id, now=now)
    audit.record("factor.removed", user_id=user_id, client=client, at=now, factor=kind)
    notices.notify(user_id, "factor_removed", now=now, client=client, factor=kind)
