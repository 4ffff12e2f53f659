"""Trusted devices: remember one, recognize it at a later sign-in, list them, and end the trust.

A device is trusted until it expires, or until the password or the number that it was trusted with changes.
"""

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, false, insert, select, true, update

from otp_service import audit
from otp_service.accounts import known_clients, notices, users
from otp_service.accounts.users import Account
from otp_service.config.reader import Reader
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.core.errors import NotFound
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.trusted_devices.models import TrustedDevice

log = logging.getLogger(__name__)
LONGEST_TRUST_DAYS = 30
MOST_DEVICES = 20
"""A person has fewer; each further one ends the trust in the one that was used least recently."""

_TOKEN = "device token"  # noqa: S105 - a purpose of the keyring
_CREDENTIALS = "credential version"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDeviceSettings:
    """For how many days a device is trusted; 0 trusts none."""

    days: int


def read_trusted_devices(read: Reader) -> TrustedDeviceSettings:
    """Read TRUSTED_DEVICE_DAYS."""
    default = 0 if read.strict else LONGEST_TRUST_DAYS
    days = read.integer("TRUSTED_DEVICE_DAYS", default=default, low=0, high=LONGEST_TRUST_DAYS)
    return TrustedDeviceSettings(days=days)


class DeviceNotFound(NotFound):
    """None of the caller's trusted devices has this id."""

    code = "device_not_found"
    title = "Device not found."


@dataclass(frozen=True, slots=True)
class Device:
    """One trusted device; `ip` and `agent` are those of its last use."""

    id: uuid.UUID
    ip: str
    agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


_DEVICES = Projection(Device, TrustedDevice)


def remember(user_id: int, *, client: ClientInfo, now: datetime) -> str | None:
    """Trust the device that the user has just verified a second factor on, in the open transaction. Notify the user.

    Return the token, which is shown once, or None if the setting trusts no device, or during a hold (ADR 32). Raises
    UserNotFound.
    """
    days = settings().of(TrustedDeviceSettings).days
    account = users.get(user_id)
    if not days or account.is_on_hold(now):
        return None
    # Also a known client's token: strangers must not make a trusted device wait (ADR 36).
    device_id, token = uuid.uuid4(), known_clients.issue(user_id, kind=known_clients.TRUSTED_DEVICE, now=now)
    execute(
        insert(TrustedDevice).values(
            id=device_id,
            user_id=user_id,
            token_hash=keyring().digest(token, purpose=_TOKEN),
            version=keyring().digest(_credentials(account), purpose=_CREDENTIALS),
            ip=client.ip,
            agent=client.agent,
            created_at=now,
            last_used_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    _end_oldest(account, client, now)
    audit.record("device.trusted", user_id=user_id, client=client, at=now, deviceId=str(device_id), days=days)
    notices.notify(user_id, "factor_added", factor="trusted_device", now=now, client=client)
    return token


def _end_oldest(account: Account, client: ClientInfo, now: datetime) -> None:
    trusted = select(TrustedDevice.id).where(_is_trusted(account, now=now))
    newest = trusted.order_by(TrustedDevice.last_used_at.desc(), TrustedDevice.created_at.desc()).limit(MOST_DEVICES)
    if ended := _delete(TrustedDevice.user_id == account.id, TrustedDevice.id.not_in(newest)):
        audit.record("device.oldest_ended", user_id=account.id, client=client, at=now, devices=ended)


def recognize(user_id: int, token: str, *, client: ClientInfo, now: datetime) -> bool:
    """Return whether the token belongs to a device that the user trusts, and record the use.

    Call it in the transaction that starts the session.
    """
    with transaction():
        # The user's row stays locked until the session exists. A password change that commits first is seen here; one
        # that commits later ends the new session.
        account = users.find_and_hold(user_id)
        if account is None:
            return False  # locked or deleted
        is_named = TrustedDevice.token_hash.in_(keyring().digests(token, purpose=_TOKEN))
        values = {"last_used_at": now, "ip": client.ip, "agent": client.agent}
        # One conditional update decides: a device that another request has just ended matches no row (ADR 3).
        is_theirs = is_named & _is_trusted(account, now=now)
        row = execute(update(TrustedDevice).where(is_theirs).values(**values).returning(TrustedDevice.id)).first()
        if row is None:
            log.info("device.refused", extra={"userId": user_id, "ip": client.ip})
            return False
        audit.record("device.recognised", user_id=user_id, client=client, at=now, deviceId=str(row.id))
        return True


def of_user(user_id: int) -> list[Device]:
    """Return the devices that are trusted now, the last used first."""
    account = users.find_by_id(user_id)
    if account is None:
        return []
    statement = _DEVICES.select().where(_is_trusted(account, now=clock.now()))
    return _DEVICES.values(fetch_all(statement.order_by(TrustedDevice.last_used_at.desc())))


def _is_trusted(account: Account, *, now: datetime) -> ColumnElement[bool]:
    """The condition of the account's devices that are trusted now."""
    days = settings().of(TrustedDeviceSettings).days
    if not days:
        return false()
    is_current = TrustedDevice.version.in_(keyring().digests(_credentials(account), purpose=_CREDENTIALS))
    # Both times count: a lower setting also shortens the trust that was granted under a higher one.
    is_young = (TrustedDevice.expires_at > now) & (TrustedDevice.created_at > now - timedelta(days=days))
    return (TrustedDevice.user_id == account.id) & is_current & is_young


def _credentials(account: Account) -> str:
    """A text that changes with the password and with the number. Only its keyed hash is stored."""
    return f"{account.password_changed_at.isoformat()} {account.phone_number}"


def end(device_id: uuid.UUID, *, user_id: int, client: ClientInfo) -> None:
    """End the trust in one device. Raises DeviceNotFound, also for another user's device."""
    now = clock.now()
    with transaction():
        if not _delete(TrustedDevice.id == device_id, TrustedDevice.user_id == user_id):
            raise DeviceNotFound
        audit.record("device.ended", user_id=user_id, client=client, at=now, deviceId=str(device_id))


def end_own(user_id: int, *, client: ClientInfo) -> None:
    """End the trust in all the user's devices, at the user's request."""
    now = clock.now()
    with transaction():
        ended = _delete(TrustedDevice.user_id == user_id)
        audit.record("device.all_ended", user_id=user_id, client=client, at=now, devices=ended)


def end_all(user_id: int, *, now: datetime) -> int:
    """End the trust in all the user's devices, in the open transaction of its cause. Return how many were trusted."""
    return _delete(TrustedDevice.user_id == user_id, TrustedDevice.expires_at > now)


def end_all_of_all() -> None:
    """End the trust in every device of every user, in the open transaction."""
    _delete(true())


def forget(before: datetime) -> int:
    """Delete the devices whose trust expired before a time. Return how many."""
    return delete_in_batches(TrustedDevice, TrustedDevice.expires_at < before)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's devices, including expired ones that retention has not deleted yet."""
    columns = (
        TrustedDevice.created_at, TrustedDevice.id, TrustedDevice.ip, TrustedDevice.agent,
        TrustedDevice.last_used_at, TrustedDevice.expires_at,
    )  # fmt: skip
    return rows_about(TrustedDevice.user_id == user_id, *columns)


def _delete(*conditions: ColumnElement[bool]) -> int:
    return int(execute(delete(TrustedDevice).where(*conditions)).rowcount)
