"""POST /verifications: a code goes to a number, without an account."""

from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from otp_service.accounts.models import User
from otp_service.backends import apps
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.simulator import Simulator
from otp_service.verifications import CHANNELS, end_codes_of_others, owner_of_user, sweeping
from tests.api import Api
from tests.backends.verifications.shops import Shop, code_at
from tests.conftest import MakeApp, Time
from tests.factories import make_person, new_number

FIELDS = {"id", "status", "phoneNumber", "country", "channel", "reference", "createdAt", "expiresAt", "resendAfter",
          "attemptsLeft"}  # fmt: skip


def test_a_code_is_sent_and_the_response_says_all_that_the_contract_names(shop: Shop, sinch: Simulator) -> None:
    number = new_number()

    answer = shop.start(f"{number[:2]} {number[2:5]}-{number[5:]}", reference="order 7", channel="callout")

    told = answer.json
    assert answer.status_code == 201
    assert set(told) == FIELDS
    assert (told["status"], told["phoneNumber"], told["country"]) == ("pending", number, "US")
    assert (told["channel"], told["reference"]) == ("callout", "order 7")
    assert (told["resendAfter"], told["attemptsLeft"]) == (120, 5)
    lives = datetime.fromisoformat(told["expiresAt"]) - datetime.fromisoformat(told["createdAt"])
    assert 300 <= lives.total_seconds() < 360
    assert [message["channel"] for message in sinch.inbox(number)] == ["callout"]


def test_no_account_is_made_or_touched(app: Flask, shop: Shop, sinch: Simulator) -> None:
    person = make_person(app)

    told = shop.started(person.phone_number)
    shop.check(told["id"], code_at(sinch, person.phone_number))

    with app.app_context():
        rows = fetch_all(select(func.count(), func.max(User.phone_verified_at)))
    assert [tuple(row) for row in rows] == [(1, None)]
    assert told["reference"] is None


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+18005550199", "toll-free"),
        ("+33970123457", "VoIP"),
        ("+442079460000", "via sms"),
        ("+881612345678", "satellite"),
    ],
)
def test_a_number_that_cannot_receive_the_code_is_rejected_before_anything_is_sent(
    shop: Shop, sinch: Simulator, number: str, why: str
) -> None:
    answer = shop.start(number)

    assert (answer.status_code, answer.json["code"]) == (422, "destination_not_allowed")
    assert why in answer.json["message"]
    assert sinch.count("start") == 0
    assert shop.get("/verifications").json["verifications"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phoneNumber", "12"),
        ("phoneNumber", None),
        ("channel", "pigeon"),
        ("locale", "not a tag"),
        ("reference", ""),
        ("reference", "r" * 129),
        ("reference", "a\nb"),
        ("clientIp", "example.com"),
        ("clientIp", "300.1.1.1"),
        ("expiresIn", 29),
        ("expiresIn", 601),
        ("expiresIn", "300"),
        ("expiresIn", True),
        ("unknown", 1),
    ],
)
def test_a_malformed_field_is_named_and_nothing_is_sent(shop: Shop, sinch: Simulator, field: str, value: Any) -> None:
    answer = shop.start(**{"phone_number": new_number()} if field != "phoneNumber" else {}, **{field: value})

    assert (answer.status_code, answer.json["code"]) == (400, "validation_failed")
    assert [fault["field"] for fault in answer.json["errors"]] == [field]
    assert sinch.count("start") == 0


def test_an_unknown_channel_is_answered_with_the_possible_ones(shop: Shop) -> None:
    message = shop.start(channel="fax").json["errors"][0]["message"]

    assert all(channel in message for channel in CHANNELS)


def test_the_cooldown_holds_for_each_number(shop: Shop, time: Time) -> None:
    number = new_number()
    shop.started(number)

    early = shop.start(number)

    assert (early.status_code, early.json["code"]) == (429, "otp_cooldown")
    assert 1 <= early.json["retryAfter"] == int(early.headers["Retry-After"]) <= 120
    shop.started()
    time.advance(120)
    shop.started(number)


def test_a_new_verification_replaces_the_one_before_it(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    first = shop.started(number)
    early_code = code_at(sinch, number)
    time.advance(120)
    second = shop.started(number)

    late = shop.check(first["id"], code_at(sinch, number))

    assert (late.status_code, late.json["verificationStatus"]) == (410, "replaced")
    assert (shop.status_of(first["id"]), shop.status_of(second["id"])) == ("replaced", "pending")
    assert early_code == code_at(sinch, number) or shop.check(second["id"], early_code).status_code == 422
    assert shop.check(second["id"], code_at(sinch, number)).status_code == 200


def test_a_verification_whose_start_fails_replaces_nothing(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    first = shop.started(number)
    code = code_at(sinch, number)
    time.advance(120)
    sinch.set_fault("status", "start", status_code=402, times=1)

    assert shop.start(number).status_code == 502

    assert shop.check(first["id"], code).status_code == 200


def test_a_code_lives_as_long_as_the_backend_asks(shop: Shop, sinch: Simulator, time: Time) -> None:
    number, other = new_number(), new_number()
    short, long = shop.started(number, expiresIn=30), shop.started(other, expiresIn=600)
    time.advance(31)

    gone = shop.check(short["id"], code_at(sinch, number))
    time.advance(500)

    assert (gone.status_code, gone.json["verificationStatus"]) == (410, "expired")
    assert shop.check(long["id"], code_at(sinch, other)).status_code == 200


def test_each_user_of_a_backend_has_a_limit_by_address_of_its_own(make_app: MakeApp) -> None:
    shop = Shop(make_app(RATE_LIMITS_ENABLED="true", OTP_SENDS_PER_ADDRESS_HOUR="2", REGISTER_LIMIT="100"))
    for _ in range(2):
        shop.started(clientIp="203.0.113.7")

    full = shop.start(clientIp="203.0.113.7")

    assert (full.status_code, full.json["code"]) == (429, "otp_send_limit")
    shop.started(clientIp="203.0.113.8")


def test_a_backend_that_names_no_address_is_not_limited_by_its_own(make_app: MakeApp) -> None:
    shop = Shop(make_app(RATE_LIMITS_ENABLED="true", OTP_SENDS_PER_ADDRESS_HOUR="1"))

    assert [shop.start().status_code for _ in range(4)] == [201] * 4


def test_an_app_sends_as_many_messages_a_day_as_its_operator_allows(app: Flask, sinch: Simulator, time: Time) -> None:
    shop, other = Shop(app, sends_per_day=2), Shop(app)
    first = shop.started()
    shop.started()

    full = shop.start()

    assert (full.status_code, full.json["code"]) == (429, "app_send_limit")
    assert full.json["retryAfter"] > 3_600
    time.advance(120)
    assert shop.resend(first["id"]).json["code"] == "app_send_limit"
    other.started()
    time.advance(86_400)
    shop.started()


def test_a_message_that_surely_did_not_leave_is_given_back_to_the_app(app: Flask, sinch: Simulator) -> None:
    shop, number = Shop(app, sends_per_day=1), new_number()
    sinch.set_fault("status", "start", status_code=422, number=number, times=1)

    assert shop.start(number).json["code"] == "number_unreachable"

    shop.started(number)


@pytest.mark.parametrize("status", [500, 402])
def test_trouble_of_the_provider_is_no_success_and_the_next_try_may_work(
    shop: Shop, sinch: Simulator, status: int
) -> None:
    number = new_number()
    sinch.set_fault("status", "start", status_code=status, times=1)

    assert shop.start(number).status_code == {500: 503, 402: 502}[status]

    assert len(sinch.inbox(number)) == 0
    shop.started(number)


def test_the_code_of_a_start_without_a_response_works_for_the_next_verification(shop: Shop, sinch: Simulator) -> None:
    """The backend was told that nothing was sent, and never learned the id; the person has the code."""
    number = new_number()
    sinch.set_fault("reset", "start", phase="after", times=1)
    sinch.set_fault("reset", "status")
    assert shop.start(number).status_code == 503
    lost = code_at(sinch, number)
    sinch.clear_faults()
    sinch.set_fault("status", "start", status_code=500, phase="before", times=1)
    assert shop.start(number).status_code == 503

    sinch.clear_faults()
    [newest, *_] = shop.get(f"/verifications?phoneNumber={number}").json["verifications"]

    assert shop.check(newest["id"], lost).status_code == 200


def test_the_verifications_of_a_deleted_app_are_gone_and_their_messages_are_priced(
    app: Flask, shop: Shop, sinch: Simulator, time: Time
) -> None:
    verification_id = shop.started()["id"]

    with app.app_context():
        apps.remove(shop.name)
        time.advance(301)
        swept = sweeping.sweep()

    assert (swept.closed, swept.priced) == (1, 1)
    assert shop.get(f"/verifications/{verification_id}").status_code == 401
    again = Shop(app, name=shop.name)
    assert again.get("/verifications").json["verifications"] == []


def test_a_disabled_app_goes_on_with_its_verifications_once_it_is_enabled(
    app: Flask, shop: Shop, sinch: Simulator
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    with app.app_context():
        apps.disable(shop.name)
    assert shop.check(verification_id, code_at(sinch, number)).json["code"] == "app_disabled"

    with app.app_context():
        apps.enable(shop.name)

    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


def test_a_person_who_verifies_a_number_ends_no_code_of_a_backend(
    app: Flask, api: Api, shop: Shop, sinch: Simulator
) -> None:
    person = make_person(app)
    verification_id = shop.started(person.phone_number)["id"]
    with app.app_context(), transaction():
        end_codes_of_others(person.phone_number, owner=owner_of_user(person.id), now=clock.now())

    assert shop.check(verification_id, code_at(sinch, person.phone_number)).status_code == 200
