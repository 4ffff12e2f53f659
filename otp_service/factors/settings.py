"""The settings that are no single factor's: whether the phone is enough, and how long a device is trusted."""

from dataclasses import dataclass

from otp_service.core.settings import Reader

LONGEST_TRUST_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSettings:
    """With `beyond_phone`, a code on the phone is worth one factor: it only lets people in to add another one."""

    beyond_phone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDeviceSettings:
    """For how many days a device is trusted; 0 trusts none."""

    days: int


def read_factors(read: Reader) -> FactorSettings:
    """Read MFA_BEYOND_PHONE."""
    return FactorSettings(beyond_phone=read.flag("MFA_BEYOND_PHONE", default=False))


def read_trusted_devices(read: Reader, *, strict: bool) -> TrustedDeviceSettings:
    """Read TRUSTED_DEVICE_DAYS."""
    default = 0 if strict else LONGEST_TRUST_DAYS
    days = read.integer("TRUSTED_DEVICE_DAYS", default=default, low=0, high=LONGEST_TRUST_DAYS)
    return TrustedDeviceSettings(days=days)
