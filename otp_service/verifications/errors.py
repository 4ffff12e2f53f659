"""What can go wrong with a code, and what each fault of the provider becomes for the caller."""

import logging

from otp_service import sinch
from otp_service.core.errors import ProviderFailed, ServiceError, TooMany, Unavailable, Unprocessable

log = logging.getLogger(__name__)


class OtpCooldown(TooMany):
    """A code was sent a moment ago."""

    code = "otp_cooldown"
    title = "Wait before requesting another OTP."


class OtpSendLimit(TooMany):
    """As many codes as allowed were sent to this number, or asked for from this address."""

    code = "otp_send_limit"
    title = "Too many codes were requested. Try again later."


class DestinationNotAllowed(Unprocessable):
    """Codes are not sent to this kind of number, or to this country, over this channel."""

    code = "destination_not_allowed"
    title = "Codes cannot be sent to this phone number."


class NumberUnreachable(Unprocessable):
    """The provider looked at the number and said no."""

    code = "number_unreachable"
    title = "The message provider cannot reach this phone number."


class ProviderRefused(ProviderFailed):
    """The provider refused for a reason that only the operator can mend."""

    code = "provider_refused"
    title = "The message provider refused to send the code."


class ProviderUnavailable(Unavailable):
    """No usable answer from the provider; nothing is spent."""

    code = "provider_unavailable"
    title = "The message provider is unavailable. Try again in a moment."


def from_provider(error: sinch.SinchError) -> ServiceError:
    """The error that the caller sees for an error of the provider."""
    log.error(
        "provider.failed",
        extra={"error": type(error).__name__, "httpStatus": error.http_status, "errorCode": error.error_code},
    )
    if isinstance(error, sinch.DestinationDenied | sinch.BadRequest):
        return NumberUnreachable()
    if isinstance(error, sinch.Refused):
        return ProviderRefused()
    return ProviderUnavailable(retry_after_seconds=error.retry_after_seconds or 5)
