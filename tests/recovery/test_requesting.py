"""POST /auth/password-reset."""

from collections.abc import Callable

import pytest
from flask import Flask

from otp_service.accounts import users
from otp_service.core import background
from otp_service.core.background import Background
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.environments import give
from tests.factories import Person, code_on_phone, log_in, make_person
from tests.recovery.resets import ask, confirm, told
from tests.trail import events_of

SAME = {
    "message": "If this address belongs to an account with a verified phone, a code is on its way to that phone.",
}


def test_a_code_comes_by_sms_after_an_answer_that_tells_nothing(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    assert told(ask(api, person.email)) == (202, SAME)
    assert [message["channel"] for message in sinch.inbox(person.phone_number)] == ["sms"]
    assert "password.reset_requested" in events_of(app, person)


def test_no_spelling_of_the_address_matters(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    assert ask(api, person.email.upper()).status_code == 202
    assert sinch.count("start") == 1


def unverified(app: Flask) -> Person:
    return make_person(app)


def locked(app: Flask) -> Person:
    person = make_person(app, is_verified=True)
    with app.app_context():
        users.lock(person.id)
    return person


def nobody(app: Flask) -> Person:
    return Person(0, "nobody@example.com", "+14155551999")


@pytest.mark.parametrize("make", [unverified, locked, nobody])
def test_who_cannot_be_recovered_gets_the_same_answer_and_no_code(
    app: Flask, api: Api, sinch: Simulator, make: Callable[[Flask], Person]
) -> None:
    person = make(app)
    assert told(ask(api, person.email)) == (202, SAME)
    assert sinch.calls == []


@pytest.mark.parametrize("kind", ["status", "denied", "reset"])
def test_trouble_of_the_provider_does_not_show_and_spends_nothing(
    app: Flask, api: Api, sinch: Simulator, kind: str
) -> None:
    person = make_person(app, is_verified=True)
    sinch.set_fault(kind, "start", phase="before", status_code=500) if kind == "status" else sinch.set_fault(
        kind, "start"
    )
    assert told(ask(api, person.email)) == (202, SAME)
    sinch.clear_faults()
    assert told(ask(api, person.email)) == (202, SAME)
    assert len(sinch.inbox(person.phone_number)) >= 1


def test_the_cooldown_is_that_of_all_codes_and_does_not_show(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app, is_verified=True)
    log_in(api, person)
    assert told(ask(api, person.email)) == (202, SAME)
    assert sinch.count("start") == 1
    time.advance(120)
    ask(api, person.email)
    assert api.post("/auth/request-otp", {"email": person.email}).json["code"] == "otp_cooldown"
    assert sinch.count("start") == 2


def test_a_code_goes_out_three_times_an_hour_however_it_is_spelled(
    app: Flask, make_app: MakeApp, sinch: Simulator
) -> None:
    api = Api(make_app(OTP_SENDS_PER_NUMBER_HOUR="5", OTP_COOLDOWN="0"))
    person = make_person(app, is_verified=True)
    spellings = [person.email, person.email.upper()] * 4
    assert [told(ask(api, spelling)) for spelling in spellings] == [(202, SAME)] * 8
    assert sinch.count("start") == 3  # what strangers may have of a number's five
    assert events_of(app, person).count("password.reset_requested") == 3


def test_of_20_parallel_requests_one_message_leaves(app: Flask, api: Api, sinch: Simulator) -> None:
    from tests.parallel import at_once

    for _ in range(2):
        person = make_person(app, is_verified=True)
        answers = at_once(20, lambda _: told(ask(api, person.email)))
        assert answers == [(202, SAME)] * 20
        assert sinch.count("start", person.phone_number) == 1


def test_a_client_may_ask_20_times_an_hour_and_is_not_told_either(app: Flask, make_app: MakeApp) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true"))
    people = [make_person(app, is_verified=True) for _ in range(21)]
    assert {ask(api, person.email).status_code for person in people} == {202}
    assert [events_of(app, person)[:1] for person in people][-1] == ["user.registered"]


def test_a_fixed_line_is_called(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True, phone_number="+442079460000")
    ask(api, person.email)
    assert [message["channel"] for message in sinch.inbox(person.phone_number)] == ["callout"]


def test_a_code_for_a_reset_is_good_for_nothing_else(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    ask(api, person.email)
    code = code_on_phone(sinch, person)
    assert api.post("/auth/verify-otp", {"email": person.email, "otpCode": code}).status_code == 401
    challenge = log_in(api, person)["challengeToken"]
    assert api.post("/auth/verify-otp", {"challengeToken": challenge, "otpCode": code}).status_code == 401
    assert sinch.count("report") == 0
    assert confirm(api, person.email, code).status_code == 204


@pytest.mark.parametrize("email", [None, "", "nobody", 7, [], {}])
@pytest.mark.one_database
def test_what_is_no_address_is_400(api: Api, email: object) -> None:
    response = api.post("/auth/password-reset", {"email": email})
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "email")


def test_what_cannot_be_sent_soon_is_refused_before_it_is_accepted(make_app: MakeApp, sinch: Simulator) -> None:
    busy = make_app()
    give(busy, background=Background(busy, threads=1, capacity=1))
    person = make_person(busy, is_verified=True)

    with busy.app_context(), background.place():  # the only one
        refused = Api(busy).post("/auth/password-reset", {"email": person.email})
    accepted = ask(Api(busy), person.email)

    assert (refused.status_code, refused.json["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "5"
    assert told(accepted) == (202, SAME)
    assert sinch.count("start") == 1
