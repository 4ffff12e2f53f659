"""The settings that belong to no single factor: how long a device is trusted."""

from dataclasses import dataclass

from otp_service.config.reader import Reader

LONGEST_TRUST_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedDeviceSettings:
    """For how many days a device is trusted; 0 trusts none."""

    days: int


def read_trusted_devices(read: Reader) -> TrustedDeviceSettings:
    """Read TRUSTED_DEVICE_DAYS."""
    default = 0 if read.strict else LONGEST_TRUST_DAYS
    days = read.integer("TRUSTED_DEVICE_DAYS", default=default, low=0, high=LONGEST_TRUST_DAYS)
    return TrustedDeviceSettings(days=days)
