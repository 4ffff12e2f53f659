"""The setting of all factors together: whether the phone is enough."""

from dataclasses import dataclass

from otp_service.core.settings import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorSettings:
    """With `beyond_phone` a code on the phone is no second factor: it only lets people in to set another one up."""

    beyond_phone: bool


def read_factors(read: Reader) -> FactorSettings:
    """Read MFA_BEYOND_PHONE."""
    return FactorSettings(beyond_phone=read.flag("MFA_BEYOND_PHONE", default=False))
