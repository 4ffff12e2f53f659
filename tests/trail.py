"""What the audit trail and the outbox hold about a person."""

from typing import Any

from flask import Flask

from otp_service import audit
from otp_service.outbox import records
from tests.factories import Person


def events_of(app: Flask, person: Person) -> list[str]:
    """The names of all that happened to the person, the newest first."""
    with app.app_context():
        return [event.event for event in audit.events_of(person.id)]


def facts_of(app: Flask, person: Person, event: str) -> dict[str, Any]:
    """The facts of the newest event of a name."""
    with app.app_context():
        return next(one.facts for one in audit.events_of(person.id) if one.event == event)


def factor_events(app: Flask, person: Person) -> list[tuple[str, dict[str, Any]]]:
    """What the audit trail tells of the factors, the oldest first."""
    with app.app_context():
        told = audit.events_of(person.id)[::-1]
    return [(event.event, event.facts) for event in told if event.event.startswith("factor.")]


def notices(app: Flask, person: Person) -> list[str]:
    """The names of the e-mails on their way, the oldest first."""
    with app.app_context():
        rows = records.newest(limit=50)[::-1]
    return [row.template for row in rows if row.user_id == person.id]


def entries(app: Flask) -> list[audit.Entry]:
    """Everything in the trail, the oldest first."""
    with app.app_context():
        return audit.entries(after=0, limit=100_000)
