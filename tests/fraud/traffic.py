"""Traffic as the guard sees it: sends to one range, what became of them, and what the guard knows afterwards."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Flask

from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.fraud import Action, Reason, Wanted, decide, fold_sent, folding, records, send_of, sends
from otp_service.fraud.node import Node
from otp_service.fraud.sends import Findings, Outcome
from tests.backends.verifications.shops import Shop
from tests.conftest import Time
from tests.trail import entries

PUMPED = "+491511234"
"""The range of the attack: 10,000 numbers."""

HONEST = "+491761234"
ENOUGH = 60
"""More messages than it takes to cut a range off."""


def pump(shop: Shop, time: Time, count: int) -> list[tuple[int, dict[str, Any]]]:
    """Have codes sent to as many numbers of the range, one every two seconds, each from an address of its own."""
    answers = []
    for number in range(count):
        time.advance(2)
        answers.append(shop.start(f"{PUMPED}{number:04d}", clientIp=f"203.0.113.{number % 250}"))
    return [(answer.status_code, dict(answer.json)) for answer in answers]


def add_honest(app: Flask) -> None:
    """Store an honest day of the country: codes to many ranges, all of them verified."""
    for operator in range(50, 60):
        ids = add_sends(app, 6, block=f"+49176{operator}12340", seconds_apart=3_600)
        with app.app_context(), transaction():
            for send_id in ids:
                sends.note(send_id, Outcome.VERIFIED, at=clock.now())
    fold(app)


def add_sends(app: Flask, count: int = ENOUGH, *, block: str = f"{PUMPED}0", seconds_apart: int = 2) -> list[uuid.UUID]:
    """Store that the guard let a code pass every two seconds until now; nothing is sent."""
    now, nodes = clock.now(), dict[str, Node]()
    ids = [uuid.uuid4() for _ in range(count)]
    with app.app_context(), transaction():
        for number, send_id in enumerate(ids):
            at = now - timedelta(seconds=seconds_apart * (count - number))
            wanted = Wanted(f"{block}{number:03d}", f"198.51.100.{number % 250}", "sms", Decimal("0.085"))
            attempt = wanted.attempt(at)
            allowed = replace(decide(attempt, nodes), action=Action.ALLOW, reason=Reason.UNREMARKABLE)
            fold_sent(send_of(attempt, allowed), nodes)
            sends.add(send_id, Findings(wanted.number, attempt, allowed, allowed), at=at)
    return ids


def node_of(app: Flask, key: str) -> Node:
    """What the guard remembers under a key."""
    with app.app_context():
        return records.find([key]).get(key, Node())


def fold(app: Flask) -> None:
    """Let the guard learn from all that waits, as the worker does each second."""
    with app.app_context():
        folding.catch_up()


def events(app: Flask, name: str) -> list[dict[str, Any]]:
    """The facts of the events of a name, the oldest first."""
    return [entry.facts for entry in entries(app) if entry.event == name]


def told(app: Flask, *arguments: str) -> Any:
    """What `flask fraud ... --json` prints."""
    result = app.test_cli_runner().invoke(args=["fraud", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
