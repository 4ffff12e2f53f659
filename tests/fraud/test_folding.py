"""The guard learns from each send and each outcome exactly once, whoever folds and whatever is killed."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.extensions import db
from otp_service.fraud import Action, Decision, Reason, Wanted, folding, sends
from otp_service.fraud.learning import learn
from otp_service.fraud.looking import look
from otp_service.fraud.models import FraudSend
from otp_service.fraud.node import Node
from otp_service.fraud.sends import Findings, Learned, Lesson, Outcome
from otp_service.simulator import Simulator
from tests.api import Api
from tests.backends.verifications.shops import Shop
from tests.conftest import Time
from tests.factories import make_person, sign_in
from tests.fraud.traffic import ENOUGH, PUMPED, add_sends, fold, node_of, pump, told
from tests.parallel import at_once
from tests.processes import FlaskCommand
from tests.waiting import wait_until

BLOCK = f"1000:{PUMPED}0"


def sent(node: Node) -> float:
    """How many sends a node has learned of, decay aside."""
    return sum(node.pending.values()) + node.lasting_failed + node.lasting_verified


def note(app: Flask, send_id: uuid.UUID, outcome: Outcome) -> None:
    with app.app_context(), transaction():
        sends.note(send_id, outcome, at=clock.now())


def row_of(app: Flask, send_id: uuid.UUID) -> tuple[Learned, bool]:
    """What the nodes have learned of a send, and whether they have more to learn."""
    with app.app_context():
        row = fetch_all(select(FraudSend).where(FraudSend.id == send_id))[0]
    return Learned(row.folded), row.due_at is not None


def test_parallel_folders_fold_each_send_once(app: Flask) -> None:
    add_sends(app, 40)

    def run(_: int) -> None:
        with app.app_context():
            folding.fold(limit=7)

    at_once(8, run)
    fold(app)

    assert sent(node_of(app, BLOCK)) == pytest.approx(40, abs=0.5)


def test_a_verified_code_is_learned_once_also_after_its_send(app: Flask) -> None:
    first, second = add_sends(app, 2)
    note(app, first, Outcome.VERIFIED)
    fold(app)
    note(app, second, Outcome.VERIFIED)
    note(app, second, Outcome.VERIFIED)
    note(app, second, Outcome.UNDELIVERED)
    fold(app)
    fold(app)

    node = node_of(app, BLOCK)
    assert node.lasting_verified == pytest.approx(2, abs=0.01)
    assert node.pending == {}
    assert row_of(app, second) == (Learned.SENT | Learned.VERIFIED, False)


def test_an_outcome_that_comes_while_a_send_is_folded_stays_due(app: Flask) -> None:
    (send_id,) = add_sends(app, 1)
    with app.app_context():
        seen = sends.lessons(now=clock.now(), limit=10)
    note(app, send_id, Outcome.VERIFIED)

    with app.app_context(), transaction():
        sends.mark_learned(seen, horizon=clock.now())

    assert row_of(app, send_id) == (Learned.SENT, True)
    fold(app)
    assert row_of(app, send_id) == (Learned.SENT | Learned.VERIFIED, False)


def test_the_code_of_a_person_is_learned_at_every_depth(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sign_in(api, sinch, person)
    fold(app)

    explained = told(app, "explain", person.phone_number, "--ip", "127.0.0.1")
    learned = {one["depth"] for one in explained["depths"] if (one["verified"], one["pending"]) == (1.0, 0)}
    assert learned >= {"1000", "10000", "range", "operator", "country", "address", "network"}


def test_a_decision_sees_what_no_one_has_folded(app: Flask) -> None:
    add_sends(app)
    with app.app_context():
        wanted, now = Wanted(f"{PUMPED}0900", "", "sms", Decimal("0.085")), clock.now()
        before = look(wanted.number, wanted.attempt(now), now=now)
        folding.fold()
        after = look(wanted.number, wanted.attempt(now), now=now)

    assert (before.backlog, after.backlog) == (ENOUGH, 0)
    for key, node in before.nodes.items():
        node.advance(now.timestamp())
        after.nodes[key].advance(now.timestamp())
        assert sent(node) == pytest.approx(sent(after.nodes[key]), rel=1e-4)


def test_refusals_are_learned_once_each(app: Flask) -> None:
    now = clock.now()
    attempt = Wanted(f"{PUMPED}0900", "", "sms", Decimal("0.085")).attempt(now)
    decision = Decision(Action.DENY, Reason.PREFIX_NOT_VERIFYING, (), (BLOCK,), key=BLOCK)
    for _ in range(2):
        with app.app_context(), transaction():
            for _ in range(5):
                sends.add_refusal(Findings(f"{PUMPED}0900", attempt, decision, decision), at=now)
        fold(app)

    assert node_of(app, BLOCK).recent_refused == pytest.approx(10, abs=0.5)


def test_a_probe_that_is_not_verified_counts_when_its_code_expires(app: Flask, sinch: Simulator, time: Time) -> None:
    add_sends(app)
    shop = Shop(app)
    pump(shop, time, 1)
    fold(app)
    before = node_of(app, BLOCK)

    time.advance(301)
    fold(app)

    after = node_of(app, BLOCK)
    assert before.probe_at > 0
    assert after != before
    with app.app_context():
        assert fetch_all(select(FraudSend.id).where(FraudSend.due_at.is_not(None))) == []


def test_a_request_folds_when_much_waits(app: Flask, api: Api, sinch: Simulator) -> None:
    add_sends(app, folding.FOLDED_BY_REQUESTS_FROM)

    sign_in(api, sinch, make_person(app))

    with app.app_context():
        assert sends.count_due(clock.now()) <= 2


def test_a_folder_that_is_killed_has_folded_nothing_and_holds_up_no_other(
    app: Flask, environment: dict[str, str], tmp_path: Path
) -> None:
    add_sends(app, 30)
    fold(app)
    add_sends(app, 30)
    with app.app_context(), db.engine.begin() as connection:
        # The folder waits for these rows in the middle of its transaction; on SQLite it waits for its turn to write.
        connection.execute(text("UPDATE fraud_nodes SET updated_at = updated_at"))
        with FlaskCommand(tmp_path, environment).start("fraud", "status"):
            wait_until(lambda: is_waiting(app))
    fold(app)

    assert sent(node_of(app, BLOCK)) == pytest.approx(60, abs=1)


def is_waiting(app: Flask) -> bool:
    """Whether a folder waits for a lock on nodes; SQLite does not say."""
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            return True
        return bool(fetch_all(_WAITING))


_WAITING = text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INTO fraud_nodes%'")


@pytest.mark.one_database
def test_refusals_that_one_row_counts_are_folded_in_one_step_as_if_one_by_one() -> None:
    at = datetime(2026, 11, 29, 12, tzinfo=UTC)

    def learned(times: int, *, rows: int = 1, folded: int = 0) -> dict[str, Node]:
        row = Lesson(uuid.uuid4(), at, f"{PUMPED}0", "", "sms", Decimal("0.08"), "deny", "prefix_not_verifying", BLOCK,
                     False, times, 3, 0, None, None, folded)  # fmt: skip
        nodes: dict[str, Node] = {}
        learn([row] * rows, nodes, horizon=at)
        return nodes

    assert learned(7) == learned(1, rows=7) == learned(9, folded=2)
    assert len(learned(7)) == 2
    assert learned(7, folded=7) == {}
    assert {node.recent_refused for node in learned(10**12).values()} == {10**12}
