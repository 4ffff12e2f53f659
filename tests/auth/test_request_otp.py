"""POST /auth/request-otp."""

from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import code_on_phone, log_in, make_person
from tests.parallel import at_once, race
from tests.waiting import wait_until


def test_a_code_is_sent_to_who_is_named_by_address(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, phone_number="+14155552671")
    response = api.post("/auth/request-otp", {"email": person.email})
    assert response.status_code == 200
    assert response.json == {
        "message": "OTP sent via sms to +1******2671.",
        "channel": "sms",
        "expiresIn": 300,
        "resendAfter": 120,
    }
    assert sinch.inbox(person.phone_number)[0]["channel"] == "sms"


def test_a_code_is_sent_to_who_is_named_by_number_in_any_spelling(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    spelled = f"+1 (415) 555-{person.phone_number[-4:]}"
    response = api.post("/auth/request-otp", {"phoneNumber": spelled, "channel": "callout"})
    assert response.json["channel"] == "callout"
    assert sinch.inbox(person.phone_number)[0]["channel"] == "callout"


def test_a_code_is_sent_to_the_holder_of_a_challenge(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    challenge = log_in(api, person)["challengeToken"]
    time.advance(120)
    assert api.post("/auth/request-otp", {"challengeToken": challenge}).status_code == 200
    assert len(sinch.inbox(person.phone_number)) == 2


@pytest.mark.parametrize("body", [{"email": "nobody@example.com"}, {"phoneNumber": "+14155552000"}])
def test_an_unknown_person_is_404(api: Api, body: dict[str, str]) -> None:
    response = api.post("/auth/request-otp", body)
    assert (response.status_code, response.json["message"]) == (404, "User not found.")


def test_an_unknown_challenge_is_401(api: Api) -> None:
    response = api.post("/auth/request-otp", {"challengeToken": "ch_nonsense"})
    assert (response.status_code, response.json["message"]) == (401, "Invalid or expired token.")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@example.com", "phoneNumber": "+14155552671"},
        {"email": "nobody"},
        {"email": "a@example.com", "channel": "pigeon"},
        {"email": "a@example.com", "channel": 7},
        {"email": "a@example.com", "to": "+14155552671"},
    ],
)
@pytest.mark.one_database
def test_who_and_how_must_be_clear(api: Api, body: dict[str, Any]) -> None:
    response = api.post("/auth/request-otp", body)
    assert (response.status_code, response.json["code"]) == (400, "validation_failed")


def test_a_second_request_within_two_minutes_waits(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    api.post("/auth/request-otp", {"email": person.email})
    time.advance(33)
    response = api.post("/auth/request-otp", {"phoneNumber": person.phone_number, "channel": "callout"})
    assert (response.status_code, response.json["code"]) == (429, "otp_cooldown")
    assert response.json["message"] == "Wait 2 minutes before requesting another OTP."
    assert 80 <= response.json["retryAfter"] == int(response.headers["Retry-After"]) <= 87
    time.advance(response.json["retryAfter"])
    assert api.post("/auth/request-otp", {"email": person.email}).status_code == 200
    assert len(sinch.inbox(person.phone_number)) == 2


@race
def test_of_20_parallel_requests_one_message_leaves(app: Flask, api: Api, sinch: Simulator, round_number: int) -> None:
    person = make_person(app)
    answers = at_once(20, lambda _: api.post("/auth/request-otp", {"email": person.email}).status_code)
    assert sorted(answers) == [200] + [429] * 19
    assert sinch.count("start", person.phone_number) == 1


@pytest.mark.parametrize(
    ("kind", "options", "status", "code"),
    [
        ("status", {"status_code": 500, "phase": "before"}, 503, "provider_unavailable"),
        ("status", {"status_code": 429, "phase": "before"}, 503, "provider_unavailable"),
        ("status", {"status_code": 402, "phase": "before"}, 502, "provider_refused"),
        ("status", {"status_code": 401, "phase": "before"}, 502, "provider_refused"),
        ("denied", {}, 422, "number_unreachable"),
        ("redirect", {}, 503, "provider_unavailable"),
        ("reset", {"phase": "before"}, 503, "provider_unavailable"),
        ("garbage", {"phase": "before"}, 503, "provider_unavailable"),
        ("half_body", {"phase": "before"}, 503, "provider_unavailable"),
    ],
)
def test_when_sending_fails_nothing_is_spent(
    api: Api, sinch: Simulator, kind: str, options: dict[str, Any], status: int, code: str
) -> None:
    person = make_person(api.app)
    sinch.set_fault(kind, "start", **options)
    response = api.post("/auth/request-otp", {"email": person.email})
    assert (response.status_code, response.json["code"]) == (status, code), response.json
    sinch.clear_faults()
    assert api.post("/auth/request-otp", {"email": person.email}).status_code == 200


@pytest.mark.parametrize("kind", ["reset", "garbage", "half_body"])
def test_a_code_whose_receipt_got_lost_counts_as_sent(app: Flask, api: Api, sinch: Simulator, kind: str) -> None:
    person = make_person(app)
    sinch.set_fault(kind, "start", times=1, phase="after")
    assert api.post("/auth/request-otp", {"email": person.email}).status_code == 200
    body = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200
    assert sinch.count("start") == 1


@pytest.mark.parametrize("number", ["+442079460000", "+18005550199", "+19005550100", "+881612345678"])
def test_numbers_that_are_no_mobile_phones_get_no_sms(app: Flask, api: Api, sinch: Simulator, number: str) -> None:
    person = make_person(app, phone_number=number)
    response = api.post("/auth/request-otp", {"email": person.email})
    assert (response.status_code, response.json["code"]) == (422, "destination_not_allowed")
    assert sinch.calls == []


def test_countries_beyond_the_allow_list_get_no_code(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    api = Api(make_app(SMS_COUNTRIES="GB, DE"))
    british, american = make_person(app, phone_number="+447400123456"), make_person(app)
    assert api.post("/auth/request-otp", {"email": british.email}).status_code == 200
    response = api.post("/auth/request-otp", {"email": american.email})
    assert (response.status_code, response.json["code"]) == (422, "destination_not_allowed")
    assert sinch.count("start", american.phone_number) == 0


def test_a_number_gets_five_codes_an_hour_and_ten_a_day(app: Flask, make_app: MakeApp, time: Time) -> None:
    settings = {"OTP_SENDS_PER_NUMBER_HOUR": "5", "OTP_SENDS_PER_NUMBER_DAY": "10", "OTP_COOLDOWN": "0"}
    api, person = Api(make_app(**settings)), make_person(app)

    def send() -> int:
        return api.post("/auth/request-otp", {"email": person.email}).status_code

    assert [send() for _ in range(6)] == [200] * 5 + [429]
    time.advance(3_600)
    assert [send() for _ in range(6)] == [200] * 5 + [429]
    time.advance(3_600)
    response = api.post("/auth/request-otp", {"email": person.email})
    assert (response.status_code, response.json["code"]) == (429, "otp_send_limit")
    assert response.json["retryAfter"] > 3_600 * 20


def test_an_address_may_ask_for_20_codes_an_hour(app: Flask, make_app: MakeApp) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true"))
    people = [make_person(app) for _ in range(21)]
    statuses = [api.post("/auth/request-otp", {"email": person.email}).status_code for person in people]
    assert statuses == [200] * 20 + [429]


def test_a_new_code_supersedes_the_one_before(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    api.post("/auth/request-otp", {"email": person.email})
    old = code_on_phone(sinch, person)
    time.advance(120)
    api.post("/auth/request-otp", {"email": person.email})
    new = code_on_phone(sinch, person)
    if old != new:
        assert api.post("/auth/verify-otp", {"email": person.email, "otpCode": old}).status_code == 401
    assert api.post("/auth/verify-otp", {"email": person.email, "otpCode": new}).status_code == 200


def test_while_the_provider_stalls_no_database_connection_is_held(
    app: Flask, make_app: MakeApp, sinch: Simulator
) -> None:
    import threading

    from otp_service.extensions import db

    stalled = make_app()
    person = make_person(app)
    sinch.set_fault("stall", "start", seconds=60)
    statuses: list[int] = []
    body = {"email": person.email}
    thread = threading.Thread(target=lambda: statuses.append(Api(stalled).post("/auth/request-otp", body).status_code))
    thread.start()
    wait_until(lambda: sinch.count("start") == 1)
    with stalled.app_context():
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    sinch.clear_faults()
    thread.join()
    assert statuses == [200]
