"""Counts codes asked for and tried by the name that a client gives, known or not: no limit tells who has an account.

A name may have what strangers may have of an account (see `guesses` and `budget`). What protects the account and its
number is counted besides, where the code is sent and checked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from otp_service import audit
from otp_service.accounts.errors import UserNotFound
from otp_service.core import clock, counters
from otp_service.core.database import transaction
from otp_service.core.errors import TooMany
from otp_service.core.pace import pace
from otp_service.core.secrets import keyring
from otp_service.core.settings import settings
from otp_service.core.tracing import ClientInfo, network_of
from otp_service.factors.errors import AuthenticatorDisabled, OtpInvalid, TooManyAttempts
from otp_service.factors.otp import budget, guesses
from otp_service.factors.otp.budget import DAY, HOUR, spoken
from otp_service.factors.otp.errors import (
    OtpCooldown,
    OtpSendLimit,
    ProviderRefused,
    ProviderUnavailable,
)
from otp_service.factors.otp.states import ATTEMPTS_PER_CODE

T = TypeVar("T")


class Scope(StrEnum):
    """What the code is asked for, as part of a counter's name."""

    PHONE = "phone"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class _Allowance:
    name: str
    subject: str
    limit: int
    window_seconds: int
    refusal: type[TooMany]
    message: str | None = None


def take_send(scope: Scope, name: str, *, ip: str, now: datetime) -> None:
    """Count a code that was asked for by a canonical address or an E.164 number, and open its tries anew.

    Raises OtpCooldown or OtpSendLimit, and then counts nothing.
    """
    with transaction():
        for allowance in _sends(scope, name, ip):
            _take(allowance, now)
        counters.clear(*_tries_of_code(scope, name))


def check(scope: Scope, name: str, act: Callable[[], T], *, client: ClientInfo) -> T:
    """What `act` returns, which looks the name up and has a code checked. Every answer takes the same time at least.

    An unknown name (UserNotFound) is a wrong code, and so is one more try on a code or an authenticator that has seen
    too many: how many is said by name. Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused,
    SlotsBusy.
    """
    with pace().even():
        now = clock.now()
        _take_try(scope, name, now)
        try:
            result = act()
        except UserNotFound as error:
            _record_unknown(client, now)
            raise OtpInvalid from error
        except (TooManyAttempts, AuthenticatorDisabled) as error:
            raise OtpInvalid from error
        except (ProviderUnavailable, ProviderRefused):
            _give_back_try(scope, name, now)
            raise
        _clear_tries(scope, name)
    return result


def _take_try(scope: Scope, name: str, now: datetime) -> None:
    with transaction():
        for allowance in _tries(scope, name):
            _take(allowance, now)


def _give_back_try(scope: Scope, name: str, taken_at: datetime) -> None:
    """Nobody looked at the code."""
    with transaction():
        for allowance in _tries(scope, name):
            counters.give_back(allowance.name, allowance.subject, taken_at=taken_at)


def _clear_tries(scope: Scope, name: str) -> None:
    """The code was right: forget the tries before it."""
    with transaction():
        for allowance in _tries(scope, name):
            counters.clear(allowance.name, allowance.subject)


def _record_unknown(client: ClientInfo, now: datetime) -> None:
    with transaction():
        audit.record("otp.refused", user_id=None, client=client, at=now)


def _take(allowance: _Allowance, now: datetime) -> None:
    parts, window = (allowance.name, allowance.subject), allowance.window_seconds
    if not counters.take(*parts, limit=allowance.limit, window_seconds=window, now=now):
        wait = counters.seconds_until_open(*parts, window_seconds=window, now=now)
        raise allowance.refusal(allowance.message, retry_after_seconds=wait)


def _sends(scope: Scope, name: str, ip: str) -> Iterator[_Allowance]:
    config, subject = settings(), _subject(name)
    if scope is Scope.PHONE:
        pause = config.otp_cooldown_seconds
        told = f"Wait {spoken(pause)} before requesting another OTP."
        yield _Allowance(f"named-{scope}-cooldown", subject, 1, pause, OtpCooldown, told)
    hour, day = map(budget.part_of, (config.otp_sends_per_number_hour, config.otp_sends_per_number_day))
    yield _Allowance(f"named-{scope}-hour", subject, hour, HOUR, OtpSendLimit)
    yield _Allowance(f"named-{scope}-day", subject, day, DAY, OtpSendLimit)
    if config.rate_limits_enabled:
        address = keyring().digest(network_of(ip), purpose="send counter: address")
        yield _Allowance(f"named-{scope}-address", address, config.otp_sends_per_address_hour, HOUR, OtpSendLimit)


def _tries(scope: Scope, name: str) -> Iterator[_Allowance]:
    config = settings()
    per_code, subject = _tries_of_code(scope, name)
    told = "Too many wrong codes. Try again later."
    hour = guesses.part_of(config.otp_checks_per_hour)
    yield _Allowance(f"named-{scope}-tries", subject, hour, HOUR, TooManyAttempts, told)
    yield _Allowance(per_code, subject, ATTEMPTS_PER_CODE, config.otp_ttl_seconds, TooManyAttempts)


def _tries_of_code(scope: Scope, name: str) -> tuple[str, str]:
    return f"named-{scope}-code-tries", _subject(name)


def _subject(name: str) -> str:
    return keyring().digest(name, purpose="code counter: name")
