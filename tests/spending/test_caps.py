"""What happens at a cap: who is refused, who is not, and who is warned."""

from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from otp_service import outbox
from otp_service.simulator import Simulator
from tests.api import Api
from tests.backends.verifications.shops import Shop
from tests.codes import request_code
from tests.conftest import MakeApp, Time
from tests.environments import refuse
from tests.factories import PASSWORD, log_in, make_person, new_number
from tests.gateways import gateway_of
from tests.spending.days import US, rows, spent, sweep
from tests.trail import entries

pytestmark = pytest.mark.usefixtures("midday")


def warnings(app: Flask) -> list[tuple[str, str, int]]:
    """The events about caps: name, subject and percent."""
    found = [entry for entry in entries(app) if entry.event.startswith("spend.")]
    return [(entry.event, entry.facts["scope"], entry.facts["percent"]) for entry in found]


def test_beyond_the_cap_a_request_is_refused_until_the_day_ends_and_costs_nothing(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(SPEND_PER_DAY="0.0445", SPEND_RESERVED_FOR_SIGN_INS="0")
    api, person = Api(app), make_person(app)
    assert request_code(api, make_person(app)).status_code == 200

    refused = [request_code(api, person) for _ in range(2)]

    assert [(answer.status_code, answer.json["code"]) for answer in refused] == [(503, "spend_cap_reached")] * 2
    assert 0 < refused[0].json["retryAfter"] <= 86_400
    assert not sinch.inbox(person.phone_number)
    assert (spent(app), rows(app)["total"].refused) == (US, 2)
    time.advance(refused[0].json["retryAfter"])
    assert request_code(api, person).status_code == 200


def test_a_country_has_a_cap_of_its_own(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(SPEND_PER_COUNTRY_DAY="US=0.05,*=0.2", SPEND_RESERVED_FOR_SIGN_INS="0")
    api, german = Api(app), make_person(app, phone_number="+4915123456789")
    request_code(api, make_person(app))

    refused, sent = request_code(api, make_person(app)), request_code(api, german)

    assert (refused.status_code, refused.json["code"]) == (503, "spend_cap_reached")
    assert sent.status_code == 200


def test_sign_ins_of_verified_people_may_use_what_others_may_not(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(SPEND_PER_DAY="0.18", SPEND_RESERVED_FOR_SIGN_INS="30")
    api, customer, new, shop = Api(app), make_person(app, is_verified=True), make_person(app), Shop(app)
    for _ in range(2):  # 0.089 of 0.126
        request_code(api, make_person(app))

    by_name, by_app = request_code(api, make_person(app)), shop.start(new_number())
    first_sign_in, sign_in = log_in(api, new), log_in(api, customer)

    assert (by_name.json["code"], by_app.json["code"]) == ("spend_cap_reached", "spend_cap_reached")
    assert first_sign_in["otpErrorCode"] == "spend_cap_reached"
    assert "otpError" not in sign_in
    assert sinch.inbox(customer.phone_number)
    assert spent(app) == 3 * US


def test_at_the_cap_a_right_password_still_counts_and_other_factors_work(make_app: MakeApp) -> None:
    app = make_app(SPEND_PER_DAY="0.01")
    person = make_person(app, is_verified=True)

    answer = Api(app).post("/auth/login", {"email": person.email, "password": PASSWORD})

    assert answer.status_code == 200
    assert answer.json["challengeToken"]
    assert answer.json["message"] == "Login successful. Failed to send OTP automatically. Request manually."
    assert answer.json["otpErrorCode"] == "spend_cap_reached"


def test_an_app_has_a_spend_of_its_own(app: Flask) -> None:
    shop, other = Shop(app, spend_per_day=Decimal("0.05")), Shop(app)
    first = shop.started(new_number())

    refused = shop.start(new_number())

    assert (refused.status_code, refused.json["code"]) == (429, "app_spend_limit")
    assert refused.json["retryAfter"] > 0
    assert first["status"] == "pending"
    assert other.start(new_number()).status_code == 201


def test_a_bill_above_the_expected_price_may_pass_the_cap_and_stops_the_next_message(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(SINCH_PRICES="*=0.01", SPEND_PER_DAY="0.02", SPEND_RESERVED_FOR_SIGN_INS="0")
    api, person = Api(app), make_person(app)
    request_code(api, person)
    time.advance(301)

    sweep(app)

    assert spent(app) == US
    assert request_code(api, make_person(app)).json["code"] == "spend_cap_reached"


def test_a_message_that_costs_more_elsewhere_is_not_handed_over_beyond_the_cap(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(**gateway_of(sinch, "sinch,http"), HTTP_GATEWAY_PRICES="*=0.5", SPEND_PER_DAY="0.1")
    sinch.set_fault("status", "start", status_code=429, times=9)

    answer = request_code(Api(app), make_person(app))

    assert (answer.status_code, answer.json["code"]) == (503, "provider_unavailable")
    assert spent(app) == Decimal(0)


def test_each_step_of_a_cap_is_reported_once_by_event_and_e_mail(make_app: MakeApp, sinch: Simulator) -> None:
    to = "ops@example.com, Finance@example.com"
    app = make_app(SPEND_PER_DAY="0.178", SPEND_RESERVED_FOR_SIGN_INS="0", SPEND_ALERT_EMAIL=to)

    for _ in range(6):
        request_code(Api(app), make_person(app))

    steps = [("spend.cap_near", "total", 50), ("spend.cap_reached", "total", 100)]
    assert warnings(app) == steps  # from 75 % the fourth message leads to 100 %
    with app.app_context():
        mails = outbox.read(limit=9)
    assert sorted(mail.message.to for mail in mails) == ["Finance@example.com"] * 2 + ["ops@example.com"] * 2
    assert {mail.message.subject for mail in mails} == {
        "Codes have cost 50 % of the day's cap", "Codes have cost 100 % of the day's cap"
    }  # fmt: skip
    assert "0.178 EUR" in mails[0].message.text


def test_the_warning_says_who_is_stopped_before_the_cap(make_app: MakeApp) -> None:
    app = make_app(SPEND_PER_DAY="0.0890", SPEND_ALERT_EMAIL="ops@example.com")

    request_code(Api(app), make_person(app))

    with app.app_context():
        [mail] = outbox.read(limit=9)
    assert "apps get no codes as soon as they have used 0.0712 EUR." in mail.message.text


def test_a_cap_that_no_message_reaches_exactly_is_reported_at_the_first_refusal(make_app: MakeApp) -> None:
    app = make_app(SPEND_PER_DAY="0.05", SPEND_RESERVED_FOR_SIGN_INS="0")
    shop = Shop(app, spend_per_day=Decimal("0.04"))

    for _ in range(3):
        request_code(Api(app), make_person(app))
    shop.start(new_number())

    assert warnings(app) == [("spend.cap_near", "total", 80), ("spend.cap_reached", "total", 100)]


def test_while_strangers_are_stopped_the_cap_counts_as_near(make_app: MakeApp) -> None:
    app = make_app(SPEND_PER_DAY="1", SPEND_RESERVED_FOR_SIGN_INS="90")

    for _ in range(3):
        request_code(Api(app), make_person(app))

    assert (spent(app), warnings(app)) == (2 * US, [("spend.cap_near", "total", 80)])


ODD = {
    "SPEND_PER_DAY": ("0", "-1", "1e3", "50 EUR", "1.00001"),
    "SPEND_PER_COUNTRY_DAY": ("DE", "XX=1", "DE=1,DE=2", "5,*=5"),
    "SPEND_RESERVED_FOR_SIGN_INS": ("101",),
    "SPEND_ALERT_EMAIL": ("ops", "@example.com", "a@b@c d"),
}


@pytest.mark.one_database
def test_an_odd_setting_stops_the_start(tmp_path: Path) -> None:
    cases = [(name, value) for name, values in ODD.items() for value in values]

    named = [refuse(tmp_path, **{name: value})[0].partition(":")[0] for name, value in cases]

    assert named == [name for name, _ in cases]
