"""Counts codes asked for and tried by the name that a client gives, known or not: no limit tells who has an account.

A name may have what strangers may have of an account (see `guesses` and `budget`). What protects the account and its
number is counted besides, where the code is sent and checked.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from otp_service import audit
from otp_service.accounts.errors import UserNotFound
from otp_service.core import allowances, clock
from otp_service.core.allowances import DAY, HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.even_timing import even_timing
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.errors import AuthenticatorDisabled, OtpInvalid, TooManyAttempts
from otp_service.verifications import budget, guesses
from otp_service.verifications.errors import OtpSendLimit, ProviderRefused, ProviderUnavailable
from otp_service.verifications.states import ATTEMPTS_PER_CODE, Purpose

T = TypeVar("T")


_SCOPES = {Purpose.PHONE_VERIFICATION: "phone", Purpose.PASSWORD_RESET: "reset"}
"""What the code is asked for, as part of a counter's name."""


def take_send(purpose: Purpose, name: str, *, ip: str, now: datetime) -> None:
    """Count a code that was asked for by a canonical address or an E.164 number, and open its tries anew.

    Raises OtpCooldown or OtpSendLimit, and then counts nothing.
    """
    with transaction():
        for allowance in _sends(purpose, name, ip):
            allowances.take(allowance, now=now)
        allowances.clear(_tries_of_code(purpose, name))


def check(purpose: Purpose, name: str, act: Callable[[], T], *, client: ClientInfo) -> T:
    """What `act` returns, which looks the name up and has a code checked. Every answer takes the same time at least.

    An unknown name (UserNotFound) is a wrong code, and so is one more try on a code or an authenticator that has seen
    too many: how many is said by name. Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused,
    SlotsBusy.
    """
    with even_timing().even():
        now = clock.now()
        _take_try(purpose, name, now)
        try:
            result = act()
        except UserNotFound as error:
            _record_unknown(client, now)
            raise OtpInvalid from error
        except (TooManyAttempts, AuthenticatorDisabled) as error:
            raise OtpInvalid from error
        except (ProviderUnavailable, ProviderRefused):
            _give_back_try(purpose, name, now)
            raise
        _clear_tries(purpose, name)
    return result


def _take_try(purpose: Purpose, name: str, now: datetime) -> None:
    with transaction():
        for allowance in _tries(purpose, name):
            allowances.take(allowance, now=now)


def _give_back_try(purpose: Purpose, name: str, taken_at: datetime) -> None:
    """Nobody looked at the code."""
    with transaction():
        for allowance in _tries(purpose, name):
            allowances.give_back(allowance, taken_at=taken_at)


def _clear_tries(purpose: Purpose, name: str) -> None:
    """The code was right: forget the tries before it."""
    with transaction():
        for allowance in _tries(purpose, name):
            allowances.clear(allowance)


def _record_unknown(client: ClientInfo, now: datetime) -> None:
    with transaction():
        audit.record("otp.refused", user_id=None, client=client, at=now)


def _sends(purpose: Purpose, name: str, ip: str) -> Iterator[Allowance]:
    config, subject = settings(), _subject(name)
    if purpose is Purpose.PHONE_VERIFICATION:
        yield budget.cooldown(f"named-{_SCOPES[purpose]}-cooldown", subject)
    hour, day = map(budget.part_of, (config.codes.sends_per_number_hour, config.codes.sends_per_number_day))
    yield Allowance(f"named-{_SCOPES[purpose]}-hour", subject, hour, HOUR, OtpSendLimit)
    yield Allowance(f"named-{_SCOPES[purpose]}-day", subject, day, DAY, OtpSendLimit)
    if config.limits.enabled:
        yield budget.by_address(f"named-{_SCOPES[purpose]}-address", ip)


def _tries(purpose: Purpose, name: str) -> Iterator[Allowance]:
    told = "Too many wrong codes. Try again later."
    hour = guesses.part_of(settings().codes.checks_per_hour)
    yield Allowance(f"named-{_SCOPES[purpose]}-tries", _subject(name), hour, HOUR, TooManyAttempts, told)
    yield _tries_of_code(purpose, name)


def _tries_of_code(purpose: Purpose, name: str) -> Allowance:
    seconds = settings().codes.ttl_seconds
    return Allowance(
        f"named-{_SCOPES[purpose]}-code-tries", _subject(name), ATTEMPTS_PER_CODE, seconds, TooManyAttempts
    )


def _subject(name: str) -> str:
    return keyring().digest(name, purpose="code counter: name")
