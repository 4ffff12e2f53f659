"""Gives a device its token, and recognises the device by it at a later sign-in."""

import logging
import uuid
from datetime import datetime, timedelta

from sqlalchemy import insert, update

from otp_service import audit
from otp_service.accounts import notices, users
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.transactions import execute, transaction
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.trusted_devices.models import TrustedDevice
from otp_service.factors.trusted_devices.trust import is_trusted, version_of

log = logging.getLogger(__name__)
PREFIX = "dt"
_PURPOSE = "device token"


def remember(user_id: int, *, client: ClientInfo, now: datetime) -> str | None:
    """Trust the device on which the user has just shown a second factor, in the open transaction; tell the user.

    Returns the token, which is shown once; None where no device is trusted. Raises UserNotFound.
    """
    days = settings().trusted_devices.days
    if not days:
        return None
    device_id, token = uuid.uuid4(), new_token(PREFIX)
    execute(
        insert(TrustedDevice).values(
            id=device_id,
            user_id=user_id,
            token_hash=keyring().digest(token, purpose=_PURPOSE),
            version=version_of(users.get(user_id)),
            ip=client.ip,
            agent=client.agent,
            created_at=now,
            last_used_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    audit.record("device.trusted", user_id=user_id, client=client, at=now, deviceId=str(device_id), days=days)
    notices.notify(user_id, "factor_added", factor="trusted_device", now=now, client=client)
    return token


def recognises(user_id: int, token: str, *, client: ClientInfo, now: datetime) -> bool:
    """Whether the token is of a device that the user trusts; one conditional update decides and notes the use.

    Call it in the transaction that starts the session: it holds the user, so that no new password slips between.
    """
    with transaction():
        account = users.find_and_hold(user_id)
        if account is None:
            return False  # locked or deleted
        is_named = TrustedDevice.token_hash.in_(keyring().digests(token, purpose=_PURPOSE))
        is_theirs = is_named & is_trusted(account, now=now)
        values = {"last_used_at": now, "ip": client.ip, "agent": client.agent}
        row = execute(update(TrustedDevice).where(is_theirs).values(**values).returning(TrustedDevice.id)).first()
        if row is None:
            log.info("device.refused", extra={"userId": user_id, "ip": client.ip})
            return False
        audit.record("device.recognised", user_id=user_id, client=client, at=now, deviceId=str(row.id))
        return True
