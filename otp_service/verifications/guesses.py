"""What a try of a code on the phone uses up, and what of it is open to callers who only name the person.

Once the phone is proven, whoever knows just an address or a number must not use up what the holder of a password
needs: such callers have a part of the hour, and a count in a row of their own.
"""

from datetime import datetime

from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.errors import AuthenticatorDisabled

PHONE = "phone"
ANONYMOUS = "phone:anonymous"
"""Counts for the phone, too, within the hour; in a row it counts by itself. In order of names: PHONE comes first."""


def take(user_id: int, *, is_anonymous: bool, client: ClientInfo, now: datetime) -> None:
    """Count one try in the open transaction. Raises TooManyAttempts, AuthenticatorDisabled."""
    throttle.take(user_id, PHONE, client=client, now=now, is_in_a_row=not is_anonymous)
    if is_anonymous:
        throttle.take(user_id, ANONYMOUS, client=client, now=now, per_hour=part_of(settings().codes.checks_per_hour))


def give_back(user_id: int, *, is_anonymous: bool, taken_at: datetime) -> None:
    """Undo one `take`: the provider never looked at the code."""
    throttle.give_back(user_id, PHONE, taken_at=taken_at, is_in_a_row=not is_anonymous)
    if is_anonymous:
        throttle.give_back(user_id, ANONYMOUS, taken_at=taken_at)


def clear(user_id: int) -> None:
    """A right code: the wrong ones are forgotten, whoever tried them."""
    throttle.clear(user_id, PHONE)
    throttle.clear(user_id, ANONYMOUS)


def refuse_disabled(user_id: int, *, is_anonymous: bool) -> None:
    """Raise AuthenticatorDisabled where a code could not be tried anyway, before one is paid for."""
    if throttle.disabled(user_id) & {PHONE, *((ANONYMOUS,) if is_anonymous else ())}:
        raise AuthenticatorDisabled


def part_of(limit: int) -> int:
    """What anonymous callers may use of an hour's checks: two thirds, 10 of 15."""
    return max(1, limit * 2 // 3)
