"""The setting of trusted devices: for how long they are trusted, if at all."""

from dataclasses import dataclass

from otp_service.core.settings import Reader

LONGEST_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDeviceSettings:
    """For how many days a device is trusted; 0 trusts none."""

    days: int


def read_trusted_devices(read: Reader, *, strict: bool) -> TrustedDeviceSettings:
    """Read TRUSTED_DEVICE_DAYS."""
    default = 0 if strict else LONGEST_DAYS
    return TrustedDeviceSettings(days=read.integer("TRUSTED_DEVICE_DAYS", default=default, low=0, high=LONGEST_DAYS))
