"""GET /insights.json: what was sent and what became of it, counted once and in the hour of the message."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update

from otp_service import insights
from otp_service.core import clock
from otp_service.core.database.transactions import execute, transaction
from otp_service.insights import records, tallying
from otp_service.insights.models import HOUR, InsightTotal
from otp_service.insights.records import COUNTERS, Difference, Subject
from otp_service.insights.settings import InsightSettings
from otp_service.simulator import Simulator
from otp_service.verifications import counted
from otp_service.verifications.models import Verification
from tests.api import Answer, Api
from tests.backends.verifications.shops import Shop, code_at
from tests.codes import request_code, verify
from tests.conftest import MakeApp, Time
from tests.environments import load
from tests.factories import Person, code_on_phone, make_person, new_number
from tests.parallel import at_once

TOKEN = "only-operators-4711-know"
COOLDOWN, DAY = 121, 86_400


@pytest.fixture
def ops(make_app: MakeApp) -> Flask:
    """The application with a token for operators."""
    return make_app(OPS_TOKEN=TOKEN)


def ask(app: Flask, authorization: str | None = f"Bearer {TOKEN}", **query: str) -> Answer:
    headers = {"Authorization": authorization} if authorization else {}
    return Api(app).get("//insights.json", headers=headers, query_string=query)


def fold(app: Flask) -> None:
    """What the worker does every 20 seconds."""
    with app.app_context():
        insights.fold()


def told(app: Flask, **query: str) -> dict[str, Any]:
    response = ask(app, **query)
    assert response.status_code == 200, response.json
    return dict(response.json)


@pytest.fixture
def person(app: Flask) -> Person:
    return make_person(app, is_verified=True)


def test_sends_and_outcomes_are_told_apart_by_owner_channel_and_prefix(
    ops: Flask, api: Api, sinch: Simulator, person: Person
) -> None:
    request_code(api, person)
    assert verify(api, person, code_on_phone(sinch, person)).status == 200
    shop, number = Shop(ops), new_number()
    shop.started(number)

    fold(ops)
    found = told(ops, by="owner,channel,prefix,country,provider")

    people, app = sorted(found["rows"], key=lambda row: row["owner"], reverse=True)
    assert (people["owner"], people["country"], people["prefix"]) == ("people", "US", "+14155")
    assert (people["channel"], people["provider"]) == ("sms", "sinch")
    assert (people["sends"], people["verified"], people["conversion"]) == (1, 1, 1.0)
    assert (app["owner"][:4], app["sends"], app["verified"], app["conversion"]) == ("app:", 1, 0, 0.0)
    assert (found["total"]["sends"], found["total"]["verified"], found["truncated"]) == (2, 1, False)
    assert Decimal(found["total"]["spend"]) == Decimal(people["spend"]) + Decimal(app["spend"]) > 0


def test_the_same_outcome_counts_once_and_a_late_one_in_the_hour_of_its_message(
    ops: Flask, sinch: Simulator, time: Time
) -> None:
    shop, number = Shop(ops), new_number()
    started = shop.started(number, expiresIn=600)
    fold(ops)
    hours = [row["hour"] for row in told(ops, by="hour")["rows"]]
    time.advance(300)
    assert shop.check(started["id"], code_at(sinch, number)).status_code == 200

    for _ in range(3):
        fold(ops)
    (row,) = told(ops, by="hour")["rows"]

    assert ([row["hour"]], row["sends"], row["verified"]) == (hours, 1, 1)


def test_a_corrected_price_of_weeks_ago_is_found_by_the_daily_pass(
    ops: Flask, api: Api, person: Person, time: Time
) -> None:
    request_code(api, person)
    fold(ops)
    sent_at = clock.now()
    time.advance(20 * DAY)
    with ops.app_context(), transaction():
        execute(update(Verification).values(spend_units=12_345, price_amount=None))

    fold(ops)

    span = {"from": sent_at.isoformat()[:19], "to": clock.now().isoformat()[:19]}
    assert told(ops, **span)["total"]["spend"] == "1.2345"


def test_what_was_sent_before_an_upgrade_is_filled_in(ops: Flask, api: Api, person: Person, time: Time) -> None:
    request_code(api, person)
    time.advance(40 * DAY)
    with ops.app_context(), transaction():
        execute(update(Verification).values(spend_units=None, price_amount="0.0445", price_currency="EUR"))

    fold(ops)

    begun = (clock.now() - timedelta(days=41)).isoformat()[:19]
    total = told(ops, **{"from": begun})["total"]
    assert (total["sends"], total["spend"]) == (1, "0.0445")


def test_refusals_count_once_in_the_hour_of_the_request(ops: Flask, app: Flask, person: Person, time: Time) -> None:
    assert app.test_cli_runner().invoke(args=["fraud", "deny", "+1415555", "--reason", "pumped"]).exit_code == 0
    for _ in range(3):
        assert Api(app).post("/auth/request-otp", {"email": person.email}).status_code == 422

    fold(ops)
    time.advance(120)
    for _ in range(3):
        fold(ops)

    (row,) = told(ops, by="country,prefix,channel,owner")["rows"]
    assert (row["country"], row["prefix"], row["channel"], row["owner"]) == ("US", "+14155", "sms", "")
    assert (row["refused"], row["blocked"], row["sends"], row["spend"]) == (3, 0, 0, "0.0000")


def go_on_while_another_worker_folds(ops: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on with a pass; another worker folds everything after this one has looked how far it came."""
    read, reads = records.progress, []

    def progress() -> records.Progress | None:
        reads.append(found := read())
        if len(reads) == 1:
            fold(ops)
        return found

    with monkeypatch.context() as patched, ops.app_context():
        patched.setattr(records, "progress", progress)
        tallying._go_on(clock.now())


def test_a_worker_that_begins_a_pass_counts_no_refusals_of_another_one_again(
    ops: Flask, person: Person, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ops.test_cli_runner().invoke(args=["fraud", "deny", "+1415555", "--reason", "pumped"]).exit_code == 0
    fold(ops)
    assert Api(ops).post("/auth/request-otp", {"email": person.email}).status_code == 422
    time.advance(4_000)

    go_on_while_another_worker_folds(ops, monkeypatch)
    fold(ops)

    assert told(ops)["total"]["refused"] == 1


def test_a_pass_that_another_worker_ended_meanwhile_stays_ended(
    ops: Flask, api: Api, person: Person, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold(ops)
    request_code(api, person)
    time.advance(9 * 3_600)
    with ops.app_context(), transaction():
        records.go_on(next_at=clock.now() - timedelta(hours=10))

    go_on_while_another_worker_folds(ops, monkeypatch)

    with ops.app_context():
        reached = records.progress()
    assert reached is not None
    assert reached.next_at is None
    assert told(ops)["total"]["sends"] == 1


def test_an_erased_person_stays_in_the_totals(ops: Flask, api: Api, person: Person) -> None:
    request_code(api, person)
    fold(ops)
    with ops.app_context(), transaction():
        execute(delete(Verification))

    fold(ops)

    assert told(ops)["total"]["sends"] == 1


@pytest.mark.race
def test_workers_that_fold_at_once_count_each_message_once(ops: Flask, api: Api, app: Flask) -> None:
    for _ in range(4):
        request_code(api, make_person(app))

    at_once(6, lambda _: fold(ops))

    assert told(ops)["total"]["sends"] == 4


def test_whole_days_and_the_hours_around_them_add_up_to_the_hours(ops: Flask) -> None:
    start = datetime.fromisoformat("2026-03-01T05:00:00+00:00")
    subject = Subject("DE", "+491512", "sms", "sinch", "people")
    counts = {"sends": 1, "verified": 1, "spend": 10}
    with ops.app_context(), transaction():
        records.add(Difference(start + timedelta(hours=n), subject, counts) for n in range(80))

    span = {"from": "2026-03-01T09:30:00Z", "to": "2026-03-04T02:00:00Z"}
    by_day, by_hour = told(ops, by="country", **span), told(ops, by="hour", **span)

    assert by_day["total"] == by_hour["total"]
    assert by_day["rows"][0]["sends"] == len(by_hour["rows"]) == 65
    assert (by_day["from"], by_day["total"]["spend"]) == ("2026-03-01T09:00:00+00:00", "0.0650")


def test_old_totals_are_deleted_and_what_is_stored_counts_no_second_time(
    ops: Flask, api: Api, person: Person, time: Time
) -> None:
    request_code(api, person)
    fold(ops)
    time.advance(2 * DAY)
    with ops.app_context():
        assert counted.forget(clock.now()) == 0
        assert insights.forget(clock.now()) == 4

    assert told(ops, **{"from": (clock.now() - timedelta(days=5)).isoformat()[:19]})["total"]["sends"] == 0


@pytest.mark.one_database
def test_only_the_operators_token_is_admitted(app: Flask, ops: Flask) -> None:
    missing, wrong, basic = ask(ops, None), ask(ops, "Bearer wröng"), ask(ops, f"Basic {TOKEN}")
    unset = ask(app)

    for refused in (missing, wrong, basic):
        assert (refused.status_code, refused.json["code"]) == (401, "ops_token_required")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert (unset.status_code, unset.json["code"]) == (403, "ops_token_unset")
    assert "Set it" in unset.json["message"]
    assert ask(ops, f"bearer {TOKEN}").status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "person"}, "by"),
        ({"by": "country,country"}, "by"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"from": "2024-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z", "by": "hour"}, "from"),
        ({"from": "2026-02-20T00:00:00Z", "to": "2026-03-01T00:00:00Z", "by": "hour,prefix"}, "from"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
        ({"to": "9999-12-31T23:59:59.999999Z"}, "to"),
        ({"to": "9999-12-31T23:30:00-14:00"}, "to"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"from": "9999-12-31T23:00:00Z", "to": "9999-12-31T23:30:00Z"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "10001"}, "limit"),
        ({"page": "1"}, "page"),
    ],
)
def test_a_question_out_of_bounds_names_its_field(ops: Flask, query: dict[str, str], field: str) -> None:
    response = ask(ops, **query)

    assert (response.status_code, response.json["code"]) == (400, "validation_failed")
    assert [fault["field"] for fault in response.json["errors"]] == [field]


@pytest.mark.one_database
def test_the_retention_is_written_with_or_without_its_unit(tmp_path: Path) -> None:
    kept = [load(tmp_path, INSIGHTS_RETENTION=text).of(InsightSettings).kept_for.days for text in ("400", "400d")]

    assert kept == [400, 400]


@pytest.mark.one_database
def test_more_groups_than_the_limit_are_cut_and_said_so(ops: Flask) -> None:
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    keys = {"grain": HOUR, "at": now, "prefix": "", "channel": "sms", "provider": "sinch", "owner": "people"}
    with ops.app_context(), transaction() as session:
        for number, country in enumerate(("DE", "FR", "US")):
            session.add(InsightTotal(**keys, country=country, **dict.fromkeys(COUNTERS, number)))

    found = told(ops, limit="2")

    assert ([row["country"] for row in found["rows"]], found["truncated"]) == (["US", "FR"], True)
    assert found["total"]["sends"] == 3
