"""Adds hooks, and does what the worker does, in the test's own thread."""

import uuid
from typing import Any

from flask import Flask

from otp_service import audit
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.hooks import administration, posting, turning
from otp_service.hooks import records as deliveries
from otp_service.hooks.records import DeliveryRecord
from otp_service.jobs.schedule import NUMBERS


def add_hook(service: Flask, url: str, /, *events: str, **options: Any) -> uuid.UUID:
    """Add a hook for some events, or for all; return its id."""
    return add_with_secret(service, url, *events, **options)[0]


def add_with_secret(service: Flask, url: str, /, *events: str, **options: Any) -> tuple[uuid.UUID, str]:
    """Add a hook; return its id and its secret."""
    chosen = {"app": None, "has_numbers": False, **options}
    with service.app_context():
        hook, secret = administration.add(url, host="127.0.0.1", events=events or ("*",), **chosen)
    return hook.id, secret


def turn(app: Flask) -> None:
    """Store what is new for the hooks."""
    with app.app_context():
        while turning.turn():
            pass


def work(app: Flask) -> None:
    """Store what is new, and send all that is due."""
    turn(app)
    with app.app_context():
        for hook_id in posting.due_hooks():
            while posting.send_next(hook_id, numbers=NUMBERS):
                pass


def happen(
    service: Flask, event: str = "user.unlocked_by_operator", /, *, user_id: int | None = 17, **facts: Any
) -> None:
    """Record an event as an act does."""
    with service.app_context(), transaction():
        audit.record(event, user_id=user_id, client=COMMAND_LINE, at=clock.now(), **facts)


def stored(app: Flask, hook_id: uuid.UUID | None = None) -> list[DeliveryRecord]:
    """Every delivery, the oldest first."""
    with app.app_context():
        return deliveries.deliveries(hook_id=hook_id, state=None, limit=1000)[::-1]
