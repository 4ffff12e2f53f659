"""What the guard saw is kept for a month, without numbers, in the form that a replay reads."""

import csv
import json
from decimal import Decimal
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from otp_service.accounts import users
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.fraud import Action, Decision, Reason, Wanted, sends
from otp_service.fraud.models import FraudSend
from otp_service.fraud.sends import ROWS_PER_MINUTE, Findings
from otp_service.jobs import retention
from otp_service.selfservice import personal_data
from otp_service.simulator import Simulator
from tests.api import Api
from tests.backends.verifications.shops import Shop, code_at
from tests.conftest import Time
from tests.factories import make_person, sign_in
from tests.fraud.traffic import PUMPED, add_sends, pump


def exported(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=["fraud", "events", *arguments])
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def test_the_history_can_be_replayed_and_has_no_number(
    app: Flask, sinch: Simulator, time: Time, tmp_path: Path
) -> None:
    shop, honest = Shop(app), "+447911123456"
    assert shop.check(shop.started(honest)["id"], code_at(sinch, honest)).status_code == 200
    time.advance(600)
    add_sends(app)
    pump(shop, time, 3)

    text = exported(app)
    path = tmp_path / "events.csv"
    path.write_text(text)
    replayed = app.test_cli_runner().invoke(args=["fraud", "replay", str(path), "--json"])

    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 1 + 60 + 3
    assert [row["label"] for row in (rows[0], *rows[-3:])] == ["legit", "legit", "attack", "attack"]
    assert (rows[0]["phoneNumber"][:-3], rows[0]["ip"]) == (honest[:-3], "0.0.0.0")
    assert float(rows[0]["verifiedAfter"]) >= 0
    numbers = [honest, *(f"{PUMPED}{n:04d}" for n in range(3))]
    assert all(of != by["phoneNumber"] for of, by in zip(numbers, [rows[0], *rows[-3:]], strict=True))
    summary = json.loads(replayed.stdout)
    assert (summary["attackSends"], summary["legitSends"]) == (2, 62)


def test_only_a_span_can_be_asked_for(app: Flask, time: Time) -> None:
    add_sends(app, 5)
    time.advance(8 * 86_400)
    add_sends(app, 2)
    time.advance(300)

    assert len(exported(app, "--since", "7d").splitlines()) == 1 + 2
    assert len(exported(app, "--since", "2w", "--until", "7d").splitlines()) == 1 + 5
    assert len(exported(app, "--since", f"{clock.now():%Y-%m-%dT%H:%M:%SZ}").splitlines()) == 1


def test_a_flood_of_refusals_fills_few_rows_and_loses_none(app: Flask) -> None:
    now = clock.now()
    decision = Decision(Action.DENY, Reason.PREFIX_NOT_VERIFYING, (), key="range:+491511")
    with app.app_context():
        with transaction():
            for number in range(300):
                attempt = Wanted(f"{PUMPED}{number:04d}", "", "sms", Decimal("0.08")).attempt(now)
                sends.add_refusal(Findings(f"{PUMPED}{number:04d}", attempt, decision, decision), at=now)
        rows, times = fetch_all(select(func.count(), func.sum(FraudSend.times)))[0]

    assert rows <= ROWS_PER_MINUTE
    assert times == 300
    assert len(exported(app).splitlines()) == 301


def test_the_history_ends_with_its_retention(app: Flask, time: Time) -> None:
    add_sends(app, 5)
    time.advance(31 * 86_400)
    add_sends(app, 2)

    with app.app_context():
        rule = next(rule for rule in retention.rules() if rule.name == "decisions of the fraud guard")
        assert rule.forget(clock.now() - rule.kept_for) == 5
    assert len(exported(app).splitlines()) == 3


def test_an_erased_person_leaves_no_address_and_no_hash(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sign_in(api, sinch, person)

    with app.app_context():
        personal_data.erase_by_operator(users.get(person.id))
        rows = fetch_all(select(FraudSend.ip, FraudSend.number_hash))

    assert [tuple(row) for row in rows] == [("", "")]
