"""Deletes old rows: how long each kind of row is kept, in one list."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_service import outbox, sessions
from otp_service.accounts import earlier_numbers, links, registrations, throttle
from otp_service.auth import challenges
from otp_service.core import allowances, clock
from otp_service.factors.totp import records as totp
from otp_service.factors.trusted_devices import devices as trusted_devices
from otp_service.factors.webauthn import challenges as webauthn_challenges
from otp_service.verifications import ledger


@dataclass(frozen=True, slots=True)
class Rule:
    """How long one kind of row is kept.

    `forget` deletes the rows that ended before the given time and returns their number.
    """

    name: str
    kept_for: timedelta
    forget: Callable[[datetime], int]


RULES = (
    Rule("unproven registrations", timedelta(0), lambda time: registrations.release_held(now=time)),
    Rule("challenges", timedelta(days=1), challenges.forget),
    Rule("unconfirmed authenticator apps", totp.ENROLMENT_TTL, totp.forget),
    Rule("links", timedelta(days=7), links.forget),
    Rule("undos of changes of number", timedelta(0), earlier_numbers.forget),
    Rule("verifications", timedelta(days=90), ledger.forget),
    Rule("sessions", timedelta(days=30), sessions.forget),
    Rule("passkey challenges", timedelta(days=1), webauthn_challenges.forget),
    Rule("trusted devices", timedelta(days=7), trusted_devices.forget),
    Rule("messages", timedelta(days=30), outbox.forget),
    Rule("counters", timedelta(days=2), allowances.forget),
    Rule("failed sign-ins", throttle.FORGOTTEN_AFTER, throttle.forget),
)


def run() -> dict[str, int]:
    """Apply every rule and return how many rows each one deleted. Safe to run in several workers at once."""
    now = clock.now()
    return {rule.name: rule.forget(now - rule.kept_for) for rule in RULES}
