"""Deletes old rows: how long each kind of row is kept, in one list."""

import logging
from datetime import datetime, timedelta

from otp_service import audit, hooks, insights, outbox, sessions
from otp_service.accounts import earlier_addresses, earlier_numbers, known_clients, links, registrations, throttle
from otp_service.audit import AuditSettings
from otp_service.auth import challenges
from otp_service.backends.verifications import records as app_verifications
from otp_service.backends.verifications import repeats
from otp_service.core import allowances, clock, tasks
from otp_service.core.database import database_clock
from otp_service.core.database.rows import RetentionRule
from otp_service.core.errors import Unavailable
from otp_service.core.services import settings
from otp_service.factors.registry import FACTORS
from otp_service.factors.trusted_devices import devices as trusted_devices
from otp_service.fraud import prefix_rules as fraud_rules
from otp_service.fraud import sends as fraud_sends
from otp_service.fraud.settings import FraudSettings
from otp_service.insights import InsightSettings
from otp_service.jobs import records as records_of_workers
from otp_service.recovery import email_codes
from otp_service.selfservice import personal_data
from otp_service.spending import reports as spend_reports
from otp_service.verifications import counted, records

log = logging.getLogger(__name__)

MOST_SECONDS_APART = 60


class ClocksDiffer(Unavailable):
    """The clocks of this machine and of the database differ too much to decide what is old."""

    code = "clocks_differ"


RULES = (
    RetentionRule("unproven registrations", timedelta(0), registrations.release_outdated),
    RetentionRule("accounts that their holders deleted", timedelta(0), personal_data.erase_due),
    RetentionRule("challenges", timedelta(days=1), challenges.forget),
    *(rule for factor in FACTORS for rule in factor.retention),
    RetentionRule("links", timedelta(days=7), links.forget),
    RetentionRule("undos of changes of number", timedelta(0), earlier_numbers.forget),
    RetentionRule("earlier addresses", earlier_addresses.NOTIFIED_FOR, earlier_addresses.forget),
    RetentionRule("recovery codes", timedelta(days=1), email_codes.forget),
    RetentionRule("verifications", timedelta(days=90), records.forget),
    RetentionRule("verifications of backends", timedelta(days=90), app_verifications.forget),
    RetentionRule("repeatable requests of backends", repeats.KEPT_FOR, repeats.forget),
    RetentionRule("verified networks", timedelta(days=1), known_clients.forget),
    RetentionRule("sessions", timedelta(days=30), sessions.forget),
    RetentionRule("trusted devices", timedelta(days=7), trusted_devices.forget),
    RetentionRule("messages", timedelta(days=30), outbox.forget),
    RetentionRule("delivered events", timedelta(days=3), hooks.forget_delivered),
    RetentionRule("events that were given up", timedelta(days=30), hooks.forget_rest),
    RetentionRule("days of the spend ledger", timedelta(days=400), spend_reports.forget),
    RetentionRule("what verifications count in the insights", timedelta(days=90), counted.forget),
    RetentionRule("counters", timedelta(days=2), allowances.forget),
    RetentionRule("tasks", timedelta(0), tasks.forget),
    RetentionRule("workers", timedelta(days=1), records_of_workers.forget),
    RetentionRule("expired rules of operators", timedelta(days=30), fraud_rules.forget),
    RetentionRule("failed sign-ins", throttle.FORGOTTEN_AFTER, throttle.forget),
)


def rules() -> tuple[RetentionRule, ...]:
    """Return every rule, with the periods that settings choose."""
    return (
        *RULES,
        RetentionRule("decisions of the fraud guard", settings().of(FraudSettings).kept_for, fraud_sends.forget),
        RetentionRule("audit events", settings().of(AuditSettings).kept_for, _forget_events),
        RetentionRule("insights", settings().of(InsightSettings).kept_for, insights.forget),
    )


def _forget_events(before: datetime) -> int:
    """Delete old audit events, but none that other services are still to get."""
    return audit.forget(before, keep_from=hooks.oldest_needed_event())


def run() -> dict[str, int]:
    """Apply every rule and return how many rows each one deleted. Safe to run in several workers at once.

    Raises ClocksDiffer, before it deletes anything, if this machine's clock or the database's is wrong.
    """
    _require_one_time()
    now = clock.now()
    return {rule.name: rule.forget(now - rule.kept_for) for rule in rules()}


def _require_one_time() -> None:
    """Compare the clocks: a row that a wrong clock makes look old would be lost for good."""
    difference = (clock.system_now() - database_clock.read()).total_seconds()
    if abs(difference) > MOST_SECONDS_APART:
        log.error("retention.stopped", extra={"secondsApart": round(difference)})
        raise ClocksDiffer(
            f"The clock of this machine is {difference:+.0f} s apart from the database's. No row was deleted. "
            "Synchronize both clocks (NTP); the next run deletes what is old."
        )
