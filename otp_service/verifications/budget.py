"""What a send uses up: the user's cooldown, and what the number and the client's address may have."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from otp_service.core import allowances
from otp_service.core.addresses import network_of
from otp_service.core.allowances import DAY, HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.services import settings
from otp_service.verifications.errors import OtpCooldown, OtpSendLimit

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Spending:
    """Who asks for a code to which number, from where. `is_anonymous`: who asks only named a person (see `guesses`)."""

    user_id: int
    phone_number: str
    ip: str
    is_anonymous: bool


def take(spending: Spending, *, now: datetime) -> None:
    """Take one send in the open transaction. Raises OtpCooldown or OtpSendLimit; the transaction undoes the rest."""
    for allowance in _allowances(spending):
        allowances.take(allowance, now=now)


def give_back(spending: Spending, *, taken_at: datetime) -> None:
    """Undo `take`: no message left."""
    for allowance in _allowances(spending):
        allowances.give_back(allowance, taken_at=taken_at)


def give_back_cooldown(user_id: int, *, taken_at: datetime) -> None:
    """A message may have left: the person need not wait, but it counts against the number and the address."""
    allowances.give_back(cooldown("otp-cooldown", str(user_id)), taken_at=taken_at)


def seconds_until_next(user_id: int, *, now: datetime) -> float:
    """Seconds until the user may have another code."""
    return allowances.seconds_until_open(cooldown("otp-cooldown", str(user_id)), now=now)


def part_of(limit: int) -> int:
    """What anonymous callers may use of a number's sends: three fifths, 3 of 5 and 6 of 10."""
    return max(1, limit * 3 // 5)


def cooldown(name: str, subject: str) -> Allowance:
    """One code, and then a pause."""
    pause = settings().codes.cooldown_seconds
    return Allowance(name, subject, 1, pause, OtpCooldown, f"Wait {_spoken(pause)} before requesting another OTP.")


def by_address(name: str, ip: str) -> Allowance:
    """What one client address may have in an hour, whoever is named."""
    subject = keyring().digest(network_of(ip), purpose="send counter: address")
    return Allowance(name, subject, settings().codes.sends_per_address_hour, HOUR, OtpSendLimit)


def _spoken(seconds: int) -> str:
    """`120` -> `2 minutes`."""
    amount, unit = (seconds // MINUTE, "minute") if seconds % MINUTE == 0 else (seconds, "second")
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


def _allowances(spending: Spending) -> Iterator[Allowance]:
    """In one order, always, so that two sends cannot wait for each other."""
    config = settings()
    number = keyring().digest(spending.phone_number, purpose="send counter: number")
    hour, day = config.codes.sends_per_number_hour, config.codes.sends_per_number_day
    yield cooldown("otp-cooldown", str(spending.user_id))
    yield Allowance("otp-number-hour", number, hour, HOUR, OtpSendLimit)
    yield Allowance("otp-number-day", number, day, DAY, OtpSendLimit)
    if spending.is_anonymous:
        yield Allowance("otp-anonymous-hour", number, part_of(hour), HOUR, OtpSendLimit)
        yield Allowance("otp-anonymous-day", number, part_of(day), DAY, OtpSendLimit)
    if config.limits.enabled:
        yield by_address("otp-address-hour", spending.ip)
