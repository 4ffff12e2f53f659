"""How often a code may be sent and tried (ADR 7, 13).

docs/security.md has the table of all limits; scripts/limits_table.py makes it from this code.

A name is the address or number that a caller gave, known here or not: its limits count before anyone is looked up, so
that no limit shows who has an account. A stranger asks by name, or for a code to a number that may belong to someone
else. Limits by network, that of the client's address, need RATE_LIMITS_ENABLED; a backend that does not name its user's
address has none (ADR 31).
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from otp_service.core import allowances
from otp_service.core.addresses import WIDER_BITS, network_of, site_of, wider_network_of
from otp_service.core.allowances import DAY, HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.verifications.errors import (
    AnonymousSendLimit,
    AppSendLimit,
    OtpCooldown,
    OtpSendLimit,
    TooManyAttempts,
)
from otp_service.verifications.owners import find_app, find_number_hash
from otp_service.verifications.states import ANONYMOUS, ATTEMPTS_PER_CODE, TO_A_STRANGERS_NUMBER, Asker, Purpose

MINUTE = 60
_COOLDOWN = "otp-cooldown"
_CHANGE_COOLDOWN = "otp-change-cooldown"
_NUMBER_COOLDOWN = "otp-number-cooldown"
_WITHOUT_LIMIT = 2**31 - 1
_OF_NUMBER = ("otp-number-hour", "otp-number-day")
_RESERVES: Mapping[str, str] = {
    Asker.NEW: "otp-reserve",
    Asker.HOLDER: "otp-reserve",
    Asker.UNKNOWN: "otp-unknown-reserve",
}
_ALL = "all"
_NAMED = {Purpose.PHONE_VERIFICATION: "named-phone", Purpose.PASSWORD_RESET: "named-reset"}


@dataclass(frozen=True, slots=True)
class Spending:
    """One message: whose it is, where it goes, and who asks for it from where (`ip` is empty if that is not known).

    `sends_per_day` is the limit of the app whose message it is.
    """

    owner: str
    phone_number: str
    ip: str
    purpose: str
    asker: str
    bound_to: uuid.UUID | None = None
    sends_per_day: int | None = None

    @property
    def is_strangers(self) -> bool:
        """Whether the number may belong to someone else, who then keeps two fifths of its messages."""
        return self.asker == Asker.BY_NAME or self.purpose in TO_A_STRANGERS_NUMBER


def take_send(spending: Spending, *, now: datetime) -> None:
    """Count one message in the open transaction. Raises OtpCooldown or OtpSendLimit."""
    # A refusal undoes the ones before it: the transaction is rolled back by the error.
    reserve, usual = _reserve(spending), tuple(_of_send(spending))
    first = tuple(_first_to_new_number(spending))
    taken = allowances.take_each((*reserve, *first, *usual), now=now)
    has_reserve = bool(reserve) and all(allowance.name in taken for allowance in reserve)
    # The wait protects a number and a person from floods. The code of the sign-in that a change of number needs went to
    # another number, so the first code to a new one need not wait for it.
    is_first = any(allowance.name in taken for allowance in first)
    beyond = (*(_OF_NUMBER if has_reserve else ()), *((_COOLDOWN,) if is_first else ()))
    allowances.refuse_full(usual, taken, beyond=beyond, now=now)


def give_back_send(spending: Spending, *, taken_at: datetime) -> None:
    """Undo `take_send`: no message left."""
    taken = (*_reserve(spending), *_first_to_new_number(spending), *_of_send(spending), *_of_app(spending, limit=0))
    for allowance in taken:
        if allowance.name != _COOLDOWN or _is_own_cooldown(spending, taken_at):
            allowances.give_back(allowance, taken_at=taken_at)


def give_back_cooldown(spending: Spending, *, taken_at: datetime) -> None:
    """Let the owner ask again at once. The message may have left, so it still counts for the number and address."""
    for allowance in _cooldowns(spending):
        if allowance.name != _COOLDOWN or _is_own_cooldown(spending, taken_at):
            allowances.give_back(allowance, taken_at=taken_at)


def _is_own_cooldown(spending: Spending, taken_at: datetime) -> bool:
    """Whether a send took the wait itself, and did not go in spite of one that an earlier code had started."""
    if spending.purpose not in TO_A_STRANGERS_NUMBER:
        return True
    cooldown = _cooldown(_COOLDOWN, spending.owner)
    return allowances.seconds_until_open(cooldown, now=taken_at) >= settings().codes.cooldown_seconds


def seconds_until_next(owner: str, *, now: datetime) -> float:
    """Return the seconds until the owner may have another code."""
    return allowances.seconds_until_open(_cooldown(_COOLDOWN, owner), now=now)


def forget(owner: str) -> None:
    """Forget what an owner used up, in the open transaction. What counts for a number stays."""
    for name in (_COOLDOWN, _CHANGE_COOLDOWN):
        allowances.clear(_cooldown(name, owner))


def take_named_send(purpose: Purpose, name: str, *, ip: str, now: datetime) -> None:
    """Count a code that was asked for by an address or a number in canonical form, and let its tries begin again.

    Raises OtpCooldown or OtpSendLimit, and then counts no send.
    """
    with transaction():
        allowances.take_all(_of_named_send(purpose, name, ip), now=now)
        # A new code is due, known name or not: what was tried on the last one no longer counts (ADR 18).
        allowances.clear(_tries_of_named_code(purpose, name, ip))


def take_named_try(purpose: Purpose, name: str, *, ip: str, now: datetime) -> None:
    """Count a code that was tried by name, for the caller's network alone. Raises TooManyAttempts."""
    with transaction():
        allowances.take_all(_of_named_try(purpose, name, ip), now=now)


def give_back_named_try(purpose: Purpose, name: str, *, ip: str, taken_at: datetime) -> None:
    """Undo `take_named_try`: the provider never looked at the code."""
    with transaction():
        for allowance in _of_named_try(purpose, name, ip):
            allowances.give_back(allowance, taken_at=taken_at)


def clear_named_tries(purpose: Purpose, name: str, *, ip: str) -> None:
    """Forget the tries before a right code."""
    with transaction():
        for allowance in _of_named_try(purpose, name, ip):
            allowances.clear(allowance)


def take_number_try(owner: str, *, now: datetime) -> None:
    """Count a code that a backend tried, for the number and over all backends. Raises TooManyAttempts.

    In the open transaction, as `give_back_number_try` and `clear_number_tries`. Each new verification has five tries
    of its own, so without this count as many could be guessed as messages may be sent (ADR 31).
    """
    allowances.take(_number_tries(owner), now=now)


def give_back_number_try(owner: str, *, taken_at: datetime) -> None:
    """Undo `take_number_try`: the provider never looked at the code."""
    allowances.give_back(_number_tries(owner), taken_at=taken_at)


def clear_number_tries(owner: str) -> None:
    """Forget the tries before a right code, which shows that its user has the phone."""
    allowances.clear(_number_tries(owner))


def _number_tries(owner: str) -> Allowance:
    hour, message = settings().codes.checks_per_hour, "Too many wrong codes. Try again later."
    return Allowance("app-number-tries", find_number_hash(owner), hour, HOUR, TooManyAttempts, message)


def strangers_sends(limit: int) -> int:
    """Return the part of a number's messages that strangers may use: three fifths, 3 of 5 and 6 of 10."""
    return max(1, limit * 3 // 5)


def strangers_tries(limit: int) -> int:
    """Return the part of an hour's tries that strangers may use: two thirds, 10 of 15."""
    return max(1, limit * 2 // 3)


def _cooldowns(spending: Spending) -> Iterator[Allowance]:
    yield _cooldown(_COOLDOWN, spending.owner)
    if spending.purpose in TO_A_STRANGERS_NUMBER:
        yield _cooldown(_CHANGE_COOLDOWN, spending.owner)
    # The provider drops a code when another one goes to the number, for any owner. A person has the password or
    # a limit of their own, so only a backend waits; a person's send makes backends wait (ADR 31).
    if settings().codes.cooldown_seconds > 0:
        limit = 1 if spending.asker == Asker.BACKEND else _WITHOUT_LIMIT
        yield replace(_cooldown(_NUMBER_COOLDOWN, _hash_of(spending.phone_number)), limit=limit)


def _first_to_new_number(spending: Spending) -> Iterator[Allowance]:
    if spending.purpose in TO_A_STRANGERS_NUMBER:
        yield Allowance("otp-first-to-new-number", str(spending.bound_to), 1, HOUR)


def _of_send(spending: Spending) -> Iterator[Allowance]:
    """Yield them in one fixed order: two sends that lock the same rows in another order could deadlock."""
    config = settings()
    number = _hash_of(spending.phone_number)
    hour, day = config.codes.sends_per_number_hour, config.codes.sends_per_number_day
    yield from _cooldowns(spending)
    yield Allowance("otp-number-hour", number, hour, HOUR, OtpSendLimit)
    yield Allowance("otp-number-day", number, day, DAY, OtpSendLimit)
    if spending.is_strangers:
        yield Allowance("otp-anonymous-hour", number, strangers_sends(hour), HOUR, OtpSendLimit)
        yield Allowance("otp-anonymous-day", number, strangers_sends(day), DAY, OtpSendLimit)
    if spending.asker == Asker.UNKNOWN:
        # A thief of the password must not use up the day of its owner.
        yield Allowance("otp-unknown-day", number, strangers_sends(day), DAY, OtpSendLimit)
    if config.limits.enabled and spending.ip:
        yield from _of_address("otp-address-hour", spending.ip)
    if config.limits.enabled and spending.asker in ANONYMOUS:
        # Last, since all such sends share these rows: they are locked as briefly as possible (ADR 49).
        codes = config.codes
        yield Allowance("anonymous-sends-hour", _ALL, codes.anonymous_sends_per_hour, HOUR, AnonymousSendLimit)
        yield Allowance("anonymous-sends-day", _ALL, codes.anonymous_sends_per_day, DAY, AnonymousSendLimit)
    if spending.sends_per_day is not None:
        yield from _of_app(spending, limit=spending.sends_per_day)


def _of_app(spending: Spending, *, limit: int) -> Iterator[Allowance]:
    """Yield the app's own limit; to give back, any limit will do."""
    if (app := find_app(spending.owner)) is not None:
        yield Allowance("app-sends-day", app, limit, DAY, AppSendLimit)


def _reserve(spending: Spending) -> tuple[Allowance, ...]:
    """What the right password, and known clients, may send whatever others have used up (ADR 13).

    Clients that the account does not know have a reserve apart: a thief of the password must not use up the other.
    """
    name = _RESERVES.get(spending.asker)
    codes = settings().codes
    hour, day = (limit - strangers_sends(limit) for limit in (codes.sends_per_number_hour, codes.sends_per_number_day))
    if name is None or spending.is_strangers or not hour or not day:
        return ()
    number = _hash_of(spending.phone_number)
    return (
        Allowance(f"{name}-hour", number, hour, HOUR, OtpSendLimit),
        Allowance(f"{name}-day", number, day, DAY, OtpSendLimit),
    )


def _hash_of(phone_number: str) -> str:
    # Keyed hashes: a copy of the table lists no phone numbers and no addresses.
    return keyring().digest(phone_number, purpose="send counter: number")


def _of_named_send(purpose: Purpose, name: str, ip: str) -> Iterator[Allowance]:
    config, prefix, subject = settings(), _NAMED[purpose], _subject(name)
    if purpose is Purpose.PHONE_VERIFICATION:
        yield _cooldown(f"{prefix}-cooldown", subject)
    hour, day = map(strangers_sends, (config.codes.sends_per_number_hour, config.codes.sends_per_number_day))
    yield Allowance(f"{prefix}-hour", subject, hour, HOUR, OtpSendLimit)
    yield Allowance(f"{prefix}-day", subject, day, DAY, OtpSendLimit)
    if config.limits.enabled:
        yield from _of_address(f"{prefix}-address", ip)


def _of_named_try(purpose: Purpose, name: str, ip: str) -> Iterator[Allowance]:
    """Yield the counts of one network: what strangers type elsewhere must not close a reset to its owner (ADR 13)."""
    message = "Too many wrong codes. Try again later."
    hour = strangers_tries(settings().codes.checks_per_hour)
    yield Allowance(f"{_NAMED[purpose]}-tries", _subject(f"{name} {site_of(ip)}"), hour, HOUR, TooManyAttempts, message)
    yield _tries_of_named_code(purpose, name, ip)


def _tries_of_named_code(purpose: Purpose, name: str, ip: str) -> Allowance:
    ttl, subject = settings().codes.ttl_seconds, _subject(f"{name} {site_of(ip)}")
    return Allowance(f"{_NAMED[purpose]}-code-tries", subject, ATTEMPTS_PER_CODE, ttl, TooManyAttempts)


def _cooldown(name: str, subject: str) -> Allowance:
    pause = settings().codes.cooldown_seconds
    return Allowance(name, subject, 1, pause, OtpCooldown, f"Wait {_in_words(pause)} before requesting another OTP.")


def _of_address(name: str, ip: str) -> Iterator[Allowance]:
    """Yield the limit of the client's address, and of the wider networks of IPv6 that it is in (ADR 37)."""
    limit = settings().codes.sends_per_address_hour
    wider = {bits: wider_network_of(ip, bits) for bits in WIDER_BITS}
    networks = [(name, network_of(ip), limit)]
    networks += [(f"{name}-{bits}", net, limit * settings().limits.times(bits)) for bits, net in wider.items() if net]
    for name_of_width, network, most in networks:
        subject = keyring().digest(network, purpose="send counter: address")
        yield Allowance(name_of_width, subject, most, HOUR, OtpSendLimit)


def _subject(name: str) -> str:
    return keyring().digest(name, purpose="code counter: name")


def _in_words(seconds: int) -> str:
    """`120` -> `2 minutes`."""
    amount, unit = (seconds // MINUTE, "minute") if seconds % MINUTE == 0 else (seconds, "second")
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"
