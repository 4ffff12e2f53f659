"""Where codes may go: decided from the number alone, before any provider is called."""

from otp_service.core import phone
from otp_service.core.phone import NumberKind, PhoneNumber
from otp_service.core.services import settings
from otp_service.sinch import Channel
from otp_service.verifications.errors import DestinationNotAllowed

CHANNELS = tuple(Channel)
_REACHED_BY = {NumberKind.MOBILE: set(CHANNELS), NumberKind.FIXED: {Channel.CALLOUT}, NumberKind.REFUSED: set()}
"""A flash call is proven with what the display of the telephone showed; many fixed ones have none."""


def check(e164: str, channel: Channel) -> PhoneNumber:
    """The number as a destination. Raises DestinationNotAllowed.

    Premium-rate, shared-cost, toll-free and satellite numbers are never called or written to (somebody earns on
    each message), fixed lines are only called, and `SMS_COUNTRIES` bounds the rest.
    """
    number = phone.parse(e164)
    if number is None or channel not in _REACHED_BY[number.kind]:
        raise DestinationNotAllowed(f"Codes cannot be sent to this phone number via {channel}.")
    allowed = settings().codes.sms_countries
    if allowed and number.country not in allowed:
        raise DestinationNotAllowed("Codes are not sent to this country.")
    return number
