"""Where codes may be sent, and by which steps: a step is a provider and a channel that it carries (ADR 39)."""

from dataclasses import dataclass

from otp_service.core import phone
from otp_service.core.phone import NumberKind, PhoneNumber
from otp_service.core.services import settings
from otp_service.providers import Channel
from otp_service.verifications import registry
from otp_service.verifications.errors import ChannelNotAllowed, DestinationNotAllowed
from otp_service.verifications.settings import DeliverySettings

CHANNELS = tuple(Channel)

_REACHED_BY = {NumberKind.MOBILE: set(CHANNELS), NumberKind.FIXED: {Channel.CALLOUT}, NumberKind.REFUSED: set()}
"""A flash call is verified with the number on the telephone's display; many fixed telephones have none."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way to send a message."""

    provider: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Destination:
    """A number's country, and the steps that reach it in the order in which they are tried."""

    country: str
    steps: tuple[Step, ...]

    @property
    def channel(self) -> Channel:
        """The channel that is tried first."""
        return self.steps[0].channel


def check_destination(e164: str, channel: Channel) -> PhoneNumber:
    """Return the number if codes may go there; the number alone decides. Raises DestinationNotAllowed.

    Premium-rate, shared-cost, toll-free and satellite numbers are refused: each message pays someone. So are internet
    (VoIP) numbers, pagers and numbers that are forwarded: they show no possession of a phone. Fixed lines are only
    called, and no channel that none of the providers carries is used. `SMS_COUNTRIES` limits the rest.
    """
    number = phone.parse(e164)
    if number is not None and number.kind is NumberKind.REFUSED:
        reason = f"Codes cannot be sent to this phone number: it is {number.refused_as}."
        raise DestinationNotAllowed(f"{reason} Provide a mobile or fixed-line number.")
    if number is None or channel not in _REACHED_BY[number.kind] or not _carriers(channel):
        raise DestinationNotAllowed(f"Codes cannot be sent to this phone number via {channel}.")
    allowed = settings().codes.sms_countries
    if allowed and number.country not in allowed:
        raise DestinationNotAllowed("Codes are not sent to this country.")
    return number


def check_anonymous_channel(channel: Channel) -> None:
    """Raise ChannelNotAllowed unless a caller who only names a person may choose the channel (ADR 49)."""
    allowed = settings().of(DeliverySettings).anonymous_channels
    if channel not in allowed:
        raise ChannelNotAllowed(extra={"allowedChannels": list(allowed)})


def channels_to(e164: str) -> tuple[Channel, ...]:
    """Return the channels by which codes may go to a number; empty if none may."""
    return tuple(channel for channel in CHANNELS if _refusal(e164, channel) is None)


def find_refusal(e164: str) -> DestinationNotAllowed | None:
    """Return why codes may go to a number by no channel; None if one may."""
    # A call reaches the most kinds of numbers: what refuses it refuses every channel.
    return _refusal(e164, Channel.CALLOUT)


def _refusal(e164: str, channel: Channel) -> DestinationNotAllowed | None:
    try:
        check_destination(e164, channel)
    except DestinationNotAllowed as refusal:
        return refusal
    return None


def find_destination(e164: str, first: Channel) -> Destination:
    """Return the steps to a number: `first` and the configured fallbacks, as far as they reach its kind.

    A channel is tried with every provider before the next channel is: a person who asked for a text gets no call
    because one of two providers is down (ADR 39). Raises DestinationNotAllowed when no step reaches the number.
    """
    country, steps, refusals = "", [], []
    for channel in dict.fromkeys((first, *settings().of(DeliverySettings).fallbacks)):
        try:
            country = check_destination(e164, channel).country
            steps += [Step(name, channel) for name in _carriers(channel)]
        except DestinationNotAllowed as error:
            refusals.append(error)
    if not steps:
        raise refusals[0]
    return Destination(country, tuple(steps))


def _carriers(channel: Channel) -> list[str]:
    """Return the providers in use that carry a channel, in their order."""
    return [name for name in settings().of(DeliverySettings).providers if channel in registry.kind_of(name).channels]
