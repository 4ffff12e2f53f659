"""Reads who sends messages: what else is needed depends on it. The registry of providers checks the names."""

from otp_service.config.reader import Reader

DEFAULT = ("sinch",)


def read_providers(read: Reader) -> tuple[str, ...]:
    """Read OTP_PROVIDERS in lower case, in the order in which the providers are tried."""
    return tuple(word.lower() for word in read.words("OTP_PROVIDERS")) or DEFAULT
