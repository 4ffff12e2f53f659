"""Which devices are trusted at a moment: not expired, not ended by a new password or number, not switched off."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, false

from otp_service.accounts.users import Account
from otp_service.core.crypto.secrets import keyring
from otp_service.core.settings import settings
from otp_service.factors.trusted_devices.models import TrustedDevice

_PURPOSE = "credential version"


def version_of(account: Account) -> str:
    """The version of the credentials that were shown, as it is stored."""
    return keyring().digest(_credentials(account), purpose=_PURPOSE)


def is_trusted(account: Account, *, now: datetime) -> ColumnElement[bool]:
    """The condition of the account's devices that are trusted now.

    A lower setting also shortens the trust that was given before; 0 ends it while it lasts.
    """
    days = settings().trusted_devices.days
    if not days:
        return false()
    is_current = TrustedDevice.version.in_(keyring().digests(_credentials(account), purpose=_PURPOSE))
    is_young = (TrustedDevice.expires_at > now) & (TrustedDevice.created_at > now - timedelta(days=days))
    return (TrustedDevice.user_id == account.id) & is_current & is_young


def _credentials(account: Account) -> str:
    """What differs as soon as another password is set or another number taken."""
    return f"{account.password_changed_at.isoformat()} {account.phone_number}"
