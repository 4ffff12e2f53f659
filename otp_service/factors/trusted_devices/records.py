"""Trusted devices as their owner sees them; and their end."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select

from otp_service import audit
from otp_service.accounts import users
from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.trusted_devices.errors import DeviceNotFound
from otp_service.factors.trusted_devices.models import TrustedDevice
from otp_service.factors.trusted_devices.trust import is_trusted


@dataclass(frozen=True, slots=True)
class Device:
    """One trusted device; `ip` and `agent` are those of its last use."""

    id: uuid.UUID
    ip: str
    agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


_COLUMNS = [getattr(TrustedDevice, name) for name in Device.__dataclass_fields__]


def of_user(user_id: int) -> list[Device]:
    """The devices that are trusted now, the one used last first."""
    account = users.find_by_id(user_id)
    if account is None:
        return []
    statement = select(*_COLUMNS).where(is_trusted(account, now=clock.now()))
    return [Device(*row) for row in fetch_all(statement.order_by(TrustedDevice.last_used_at.desc()))]


def end(device_id: uuid.UUID, *, user_id: int, client: ClientInfo) -> None:
    """Trust a device no more. Raises DeviceNotFound, for another's too."""
    now = clock.now()
    with transaction():
        if not _end(TrustedDevice.id == device_id, TrustedDevice.user_id == user_id):
            raise DeviceNotFound
        audit.record("device.ended", user_id=user_id, client=client, at=now, deviceId=str(device_id))


def end_own(user_id: int, *, client: ClientInfo) -> None:
    """Trust none of the user's devices any more, on the user's own word."""
    now = clock.now()
    with transaction():
        ended = _end(TrustedDevice.user_id == user_id)
        audit.record("device.all_ended", user_id=user_id, client=client, at=now, devices=ended)


def end_all(user_id: int, *, now: datetime) -> int:
    """Trust none of the user's devices any more, in the open transaction of what ends it; how many were trusted."""
    return _end(TrustedDevice.user_id == user_id, TrustedDevice.expires_at > now)


def forget(before: datetime) -> int:
    """Delete devices whose trust expired before a time; how many there were."""
    with transaction():
        return _end(TrustedDevice.expires_at < before)


def _end(*conditions: ColumnElement[bool]) -> int:
    return int(execute(delete(TrustedDevice).where(*conditions)).rowcount)
