"""The providers that exist, one line each: which of them are used, and in which order, says OTP_PROVIDERS."""

from otp_service.http_gateway import HTTP_GATEWAY
from otp_service.providers import ProviderKind
from otp_service.sinch import SINCH

PROVIDERS: tuple[ProviderKind, ...] = (SINCH, HTTP_GATEWAY)

_BY_NAME = {kind.name: kind for kind in PROVIDERS}
NAMES = tuple(_BY_NAME)


def kind_of(name: str) -> ProviderKind:
    """Return what the provider of that name is. Raises KeyError."""
    return _BY_NAME[name]
