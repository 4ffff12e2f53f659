"""How strong a factor is, and which one a sign-in used: a weaker factor adds and removes no stronger one (ADR 35)."""

from collections.abc import Iterable
from enum import IntEnum

from otp_service.sessions import Caller


class Strength(IntEnum):
    """The order of the factors, by what an intruder needs."""

    PASSWORD = 0
    PHONE = 1
    """A swapped SIM is enough."""
    CODE = 2
    """An authenticator app or a backup code: the secret itself, or a page that the person is lured to."""
    KEY = 3
    """A passkey or security key: the authenticator, since it signs for the right page only."""


_BY_AMR = {"sms": Strength.PHONE, "tel": Strength.PHONE, "otp": Strength.CODE, "hwk": Strength.KEY}
"""The strength of a factor by the value that it puts into `amr` (RFC 8176)."""


def of_sign_in(amr: Iterable[str]) -> Strength:
    """Return the strength of the strongest factor that a sign-in used."""
    return max((_BY_AMR.get(value, Strength.PASSWORD) for value in amr), default=Strength.PASSWORD)


def is_reached(caller: Caller, needed: Strength) -> bool:
    """Whether the caller's sign-in used a factor at least as strong."""
    return of_sign_in(caller.amr) >= needed


def values_reaching(needed: Strength) -> frozenset[str]:
    """Return the values of `amr` that are strong enough."""
    return frozenset(value for value, strength in _BY_AMR.items() if strength >= needed)
