"""Judges sign-ins by the rules, records what they found and notifies the owner (ADR 51)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from otp_service import audit, sessions
from otp_service.accounts import known_clients, notices, users
from otp_service.anomalies import rules
from otp_service.anomalies.errors import SignInDenied
from otp_service.anomalies.rules import ALLOWED, NO_OTHERS, Compared, Finding, Others, Verdict
from otp_service.anomalies.settings import IMPOSSIBLE_TRAVEL, MANY_ACCOUNTS, NEW_COUNTRY, UNKNOWN_DEVICE, Action
from otp_service.anomalies.settings import AnomalySettings as Settings
from otp_service.audit import AuditSettings
from otp_service.core import allowances
from otp_service.core.allowances import DAY, Allowance
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A sign-in whose password, passkey or second factor was right."""

    user_id: int
    client: ClientInfo
    at: datetime
    others: Others = NO_OTHERS
    device_token: str | None = None


def judge(arrival: Arrival) -> Verdict:
    """Apply the rules that may change how the sign-in goes on, before the second factor.

    Reads the earlier sign-ins only if there is such a rule. Raises SignInDenied once that is recorded.
    """
    found = settings().of(Settings)
    if not found.is_any_strict:
        return ALLOWED
    devices, _ = sessions.devices_of(arrival.user_id, now=arrival.at)
    compared = _compared(arrival, devices)
    strict = [one for one in rules.find(compared, found) if found.is_strict(one.rule)] if compared else []
    findings = _softened(arrival, strict)
    verdict = Verdict(tuple(findings))
    is_denied = verdict.action == Action.DENY
    if findings:
        # Committed before the error is raised: the trail must show a rejected sign-in.
        with transaction():
            _record(arrival, findings)
            if is_denied:
                _notify_of_denied(arrival)
    if is_denied:
        raise SignInDenied
    return verdict


def report(arrival: Arrival, devices: Sequence[Device]) -> None:
    """Record and notify, in the open transaction that starts the session, from the devices that it has read.

    Rules that may do more were recorded by `judge`.
    """
    compared = _compared(arrival, devices)
    if compared is None:
        return
    findings = rules.find(compared, settings().of(Settings))
    _record(arrival, [finding for finding in findings if finding.action == Action.NOTIFY])
    # An account's first sign-in is its owner's news already.
    if findings and compared.has_history:
        _notify(arrival, {finding.rule: finding for finding in findings})


def _compared(arrival: Arrival, devices: Sequence[Device]) -> Compared | None:
    """Return what to compare; None for a device that the account knows, since its owner has signed in with it."""
    if rules.is_known(arrival.client, devices):
        return None
    return Compared(
        client=arrival.client,
        at=arrival.at,
        devices=devices,
        others=arrival.others,
        has_history=_has_history(arrival, devices),
    )


def _has_history(arrival: Arrival, devices: Sequence[Device]) -> bool:
    """Whether the account has signed in before.

    Old sessions are deleted, so an account without any may still have: its events show that, and its age, once events
    of that time are deleted too.
    """
    if devices or audit.has_happened("session.started", user_id=arrival.user_id):
        return True
    return users.get(arrival.user_id).created_at < arrival.at - settings().of(AuditSettings).kept_for


def _softened(arrival: Arrival, findings: list[Finding]) -> list[Finding]:
    """Ask for the strongest factor instead of a denial where the owner has just verified phone or mailbox from here.

    Else a traveler had no way in: a reset of the password, or the e-mail for a new device, leads here.
    """
    if all(finding.action < Action.DENY for finding in findings):
        return findings
    if not known_clients.has_verified(
        arrival.user_id, device_token=arrival.device_token, client=arrival.client, now=arrival.at
    ):
        return findings
    softer = Action.REQUIRE_STRONGEST_FACTOR
    return [replace(one, action=min(one.action, softer), facts={**one.facts, "verifiedHere": True}) for one in findings]


def _record(arrival: Arrival, findings: Sequence[Finding]) -> None:
    for finding in findings:
        facts = {"rule": finding.rule, "action": finding.action.word, **finding.facts}
        audit.record("anomaly.found", user_id=arrival.user_id, client=arrival.client, at=arrival.at, **facts)


def _notify(arrival: Arrival, found: dict[str, Finding]) -> None:
    place = found.get(NEW_COUNTRY) or found.get(IMPOSSIBLE_TRAVEL)
    notices.notify(
        arrival.user_id,
        "new_sign_in" if UNKNOWN_DEVICE in found else "unusual_sign_in",
        now=arrival.at,
        client=arrival.client,
        country=place.facts["country"] if place else None,
        kilometers=found[IMPOSSIBLE_TRAVEL].facts["kilometers"] if IMPOSSIBLE_TRAVEL in found else None,
        shared="yes" if MANY_ACCOUNTS in found else None,
    )


def _notify_of_denied(arrival: Arrival) -> None:
    """Send the notice, once a day: a thief of the password must not fill the mailbox."""
    if users.find_and_hold(arrival.user_id) is None:
        return  # locked or deleted
    if allowances.take_if_left(Allowance("sign-in denied notice", str(arrival.user_id), 1, DAY), now=arrival.at):
        notices.notify(arrival.user_id, "sign_in_denied", now=arrival.at, client=arrival.client)
