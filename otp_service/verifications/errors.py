"""What can go wrong with a code, and which error the caller sees for each fault of the provider."""

import logging

from otp_service.core.calls.errors import CallError, Refused, TooManyInFlight
from otp_service.core.errors import (
    NotAuthenticated,
    ProviderFailed,
    ServiceError,
    TooMany,
    Unavailable,
    Unprocessable,
)
from otp_service.providers import NumberRefused

log = logging.getLogger(__name__)


class OtpInvalid(NotAuthenticated):
    """A code that is wrong, used, superseded, expired, or was never sent.

    `was_compared`: if not, it was not counted either, since no message takes codes, at this moment or any more.
    """

    code = "otp_invalid"
    title = "Invalid or expired OTP code."
    was_compared = True


def nothing_compared() -> OtpInvalid:
    """Return the error for a code that was compared with none."""
    refused = OtpInvalid()
    refused.was_compared = False
    return refused


class TooManyAttempts(TooMany):
    """The code, or the authenticator, has seen as many wrong tries as allowed."""

    code = "too_many_attempts"
    title = "Too many wrong codes. Request a new code and try again."


class OtpCooldown(TooMany):
    """A code was sent a moment ago."""

    code = "otp_cooldown"
    title = "Wait before requesting another OTP."


class OtpSendLimit(TooMany):
    """As many codes as allowed were sent to this number, or asked for from this address."""

    code = "otp_send_limit"
    title = "Too many codes were requested. Try again later."


class AnonymousSendLimit(TooMany):
    """All people who are not signed in have requested as many codes as the operator pays for in an hour or a day."""

    code = "anonymous_send_limit"
    title = "Too many people requested a code without a verified phone. Try again later."


class AppSendLimit(TooMany):
    """The app of a backend has sent as many messages as its operator allows for a day."""

    code = "app_send_limit"
    title = "This app has sent as many codes as it may in a day. Try again later."


class DestinationNotAllowed(Unprocessable):
    """Codes are not sent to this kind of number, or to this country, over this channel."""

    code = "destination_not_allowed"
    title = "Codes cannot be sent to this phone number."


class ChannelNotAllowed(Unprocessable):
    """A caller who only named a person chose a channel that needs a sign-in. `allowedChannels` need none."""

    code = "channel_not_allowed"
    title = "Sign in with your password to receive the code by this channel."


class NumberUnreachable(Unprocessable):
    """The provider looked at the number and refused it."""

    code = "number_unreachable"
    title = "The message provider cannot reach this phone number."


class ProviderRefused(ProviderFailed):
    """The provider refused for a reason that only the operator can fix."""

    code = "provider_refused"
    title = "The message provider refused to send the code."


class ProviderUnavailable(Unavailable):
    """The provider gave no usable response; what the request took is given back.

    `left_nothing`: it failed by itself and has no such message, so another may be sent at once (ADR 14). Else it may
    not have said.
    """

    code = "provider_unavailable"
    title = "The message provider is unavailable. Try again in a moment."
    left_nothing = False


class EventNotAccepted(NotAuthenticated):
    """The provider did not sign the event for this application, or it is too old, too early, or came before."""

    code = "event_not_accepted"
    title = "The event is not signed, not signed well, too old, or came before."


def from_provider(error: CallError, *, provider: str, left_nothing: bool = False) -> ServiceError:
    """Return the error that the caller sees for an error of the provider, and log the provider's own.

    `left_nothing`: see ProviderUnavailable.
    """
    if isinstance(error, TooManyInFlight):
        # Our own bound and no failure of the provider: SINCH_CONCURRENCY, SINCH_WAIT or HTTP_GATEWAY_CONCURRENCY.
        log.warning("provider.busy", extra={"provider": provider})
        return ProviderUnavailable(retry_after_seconds=error.retry_after_seconds or 1)
    log.error(
        "provider.failed",
        extra={
            "provider": provider,
            "error": type(error).__name__,
            "httpStatus": error.http_status,
            "errorCode": error.error_code,
        },
    )
    if isinstance(error, NumberRefused):
        return NumberUnreachable()
    if isinstance(error, Refused):
        return ProviderRefused()
    unavailable = ProviderUnavailable(retry_after_seconds=error.retry_after_seconds or 5)
    unavailable.left_nothing = left_nothing
    return unavailable
