"""Deletes old rows: how long each kind of row is kept, in one list."""

from datetime import timedelta

from otp_service import outbox, sessions
from otp_service.accounts import earlier_addresses, earlier_numbers, known_clients, links, registrations, throttle
from otp_service.auth import challenges
from otp_service.core import allowances, clock
from otp_service.core.database.rows import RetentionRule
from otp_service.factors.registry import FACTORS
from otp_service.factors.trusted_devices import devices as trusted_devices
from otp_service.jobs import records as records_of_workers
from otp_service.recovery import email_codes
from otp_service.selfservice import personal_data
from otp_service.verifications import records

RULES = (
    RetentionRule("unproven registrations", timedelta(0), lambda time: registrations.release_held(now=time)),
    RetentionRule("accounts that their holders deleted", timedelta(0), personal_data.erase_due),
    RetentionRule("challenges", timedelta(days=1), challenges.forget),
    *(rule for factor in FACTORS for rule in factor.retention),
    RetentionRule("links", timedelta(days=7), links.forget),
    RetentionRule("undos of changes of number", timedelta(0), earlier_numbers.forget),
    RetentionRule("earlier addresses", earlier_addresses.NOTIFIED_FOR, earlier_addresses.forget),
    RetentionRule("recovery codes", timedelta(days=1), email_codes.forget),
    RetentionRule("verifications", timedelta(days=90), records.forget),
    RetentionRule("verified networks", timedelta(days=1), known_clients.forget),
    RetentionRule("sessions", timedelta(days=30), sessions.forget),
    RetentionRule("trusted devices", timedelta(days=7), trusted_devices.forget),
    RetentionRule("messages", timedelta(days=30), outbox.forget),
    RetentionRule("counters", timedelta(days=2), allowances.forget),
    RetentionRule("workers", timedelta(days=1), records_of_workers.forget),
    RetentionRule("failed sign-ins", throttle.FORGOTTEN_AFTER, throttle.forget),
)


def run() -> dict[str, int]:
    """Apply every rule and return how many rows each one deleted. Safe to run in several workers at once."""
    now = clock.now()
    return {rule.name: rule.forget(now - rule.kept_for) for rule in RULES}
