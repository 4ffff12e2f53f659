"""POST /auth/step-up, and the decorator of routes that want a fresh sign-in at the strongest level."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from otp_service import sessions
from otp_service.accounts import users
from otp_service.audit import COMMAND_LINE
from otp_service.auth.schemas import METHOD_FAULT
from otp_service.core import clock
from otp_service.core.web.api import api as contract
from otp_service.extensions import db
from otp_service.factors.phone.schemas import CODE_FAULT
from otp_service.sessions import Caller, fresh_sign_in
from otp_service.simulator import Simulator
from tests.api import Api, is_refused
from tests.conftest import MakeApp, Time, finish
from tests.factories import code_on_phone, make_person, sign_in, wrong_code
from tests.parallel import at_once
from tests.sessions.conftest import SignedIn
from tests.sessions.forging import claims_of

ELEVEN_MINUTES = 660


@pytest.fixture(scope="module")
def guarded_app(build_app: MakeApp) -> Iterator[Flask]:
    """An application with a route that wears the decorator."""
    app = build_app()

    @app.post("/api/v1/guarded")
    @fresh_sign_in
    @contract(errors=(403,))
    def guarded_route(caller: Caller) -> None:
        """Do something grave."""

    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def guarded(app: Flask, guarded_app: Flask) -> Iterator[Api]:
    """A client of that application."""
    yield Api(guarded_app)
    finish(guarded_app)


def ask_code(api: Api, sinch: Simulator, alice: SignedIn, token: str, **body: str) -> str:
    response = api.post("/auth/step-up/request", body, token=token)
    assert response.status_code == 200, response.json
    return code_on_phone(sinch, alice.person)


def step_up(api: Api, alice: SignedIn, token: str, code: Any, **changes: Any) -> Any:
    body = {"password": alice.person.password, "method": "sms", "code": code, **changes}
    return api.post("/auth/step-up", {name: value for name, value in body.items() if value is not None}, token=token)


def aged(api: Api, alice: SignedIn, time: Time) -> str:
    """An access token of a sign-in eleven minutes ago."""
    time.advance(ELEVEN_MINUTES)
    return str(api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json["token"])


def weak_session(app: Flask, alice: SignedIn) -> str:
    """What a password alone earns, or a trusted device."""
    with app.app_context():
        weak = Caller(alice.person.id, ("pwd",), "aal1", clock.now(), is_verified=True)
        return sessions.start(weak, client=COMMAND_LINE).token


def is_let_in(api: Api, token: str) -> bool:
    response = api.post("/guarded", token=token)
    assert response.status_code in {204, 403}, response.json
    return response.status_code == 204


@pytest.mark.one_database
def test_a_fresh_sign_in_with_two_factors_is_let_in(guarded: Api, alice: SignedIn) -> None:
    assert is_let_in(guarded, alice.token)


@pytest.mark.one_database
def test_a_sign_in_is_fresh_for_ten_minutes(guarded: Api, alice: SignedIn, time: Time) -> None:
    time.advance(595)
    assert is_let_in(guarded, alice.token)
    time.advance(10)
    assert not is_let_in(guarded, alice.token)


@pytest.mark.one_database
def test_a_refused_caller_gets_the_methods_that_help(guarded: Api, alice: SignedIn, time: Time) -> None:
    response = guarded.post("/guarded", token=aged(guarded, alice, time))
    body = dict(response.json)
    assert (response.status_code, body["code"], body["message"]) == (
        403,
        "step_up_required",
        "Sign in again to do this.",
    )
    assert (body["methods"], body["maxAgeSeconds"]) == (["sms", "callout", "flashcall", "whatsapp"], 600)


@pytest.mark.one_database
def test_a_refresh_makes_no_sign_in_fresh(guarded: Api, alice: SignedIn, time: Time) -> None:
    assert not is_let_in(guarded, aged(guarded, alice, time))


@pytest.mark.one_database
def test_one_factor_is_not_enough_however_fresh(app: Flask, guarded: Api, alice: SignedIn) -> None:
    assert not is_let_in(guarded, weak_session(app, alice))


def token_of_level(app: Flask, who: SignedIn, acr: str) -> str:
    """An access token of this service's own that states any level."""
    with app.app_context():
        odd = Caller(who.person.id, ("pwd", "sms"), acr, clock.now(), is_verified=True)
        return sessions.start(odd, client=COMMAND_LINE).token


@pytest.mark.parametrize("acr", ["aal0", "aal22", "phr"])
@pytest.mark.one_database
def test_an_unknown_level_is_not_enough(app: Flask, guarded: Api, alice: SignedIn, acr: str) -> None:
    assert not is_let_in(guarded, token_of_level(app, alice, acr))


@pytest.mark.parametrize("acr", ["", "aal2 ", "AAL2"])
@pytest.mark.one_database
def test_a_level_that_is_no_word_makes_a_token_invalid(app: Flask, guarded: Api, alice: SignedIn, acr: str) -> None:
    assert is_refused(guarded.post("/guarded", token=token_of_level(app, alice, acr)))


@pytest.mark.one_database
def test_a_guarded_route_wants_a_token_first(guarded: Api) -> None:
    assert guarded.post("/guarded").status_code == 401


@pytest.mark.parametrize("channel", ["sms", "callout", "flashcall", "whatsapp"])
@pytest.mark.one_database
def test_password_and_code_let_in_again(
    guarded: Api, sinch: Simulator, alice: SignedIn, time: Time, channel: str
) -> None:
    token = aged(guarded, alice, time)
    code = ask_code(guarded, sinch, alice, token, channel=channel)
    response = step_up(guarded, alice, token, code, method=channel)
    assert response.status_code == 200, response.json
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json) == {"token", "tokenType", "expiresIn", "sessionId", "acr"}
    assert is_let_in(guarded, response.json["token"])
    assert not is_let_in(guarded, token)


def test_a_step_up_keeps_the_session_and_renews_its_sign_in(
    guarded: Api, sinch: Simulator, alice: SignedIn, time: Time
) -> None:
    token = aged(guarded, alice, time)
    answer = step_up(guarded, alice, token, ask_code(guarded, sinch, alice, token)).json
    before, after = claims_of(token), claims_of(answer["token"])
    assert (after["sid"], after["sub"], after["amr"], after["acr"]) == (
        before["sid"],
        before["sub"],
        ["pwd", "sms"],
        "aal2",
    )
    assert after["auth_time"] >= before["auth_time"] + ELEVEN_MINUTES
    assert after["isVerified"] is True


def test_a_step_up_is_kept_by_the_next_refresh(guarded: Api, sinch: Simulator, alice: SignedIn, time: Time) -> None:
    time.advance(ELEVEN_MINUTES)
    refreshed = guarded.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json
    code = ask_code(guarded, sinch, alice, refreshed["token"])
    assert step_up(guarded, alice, refreshed["token"], code).status_code == 200
    again = guarded.post("/auth/refresh", {"refreshToken": refreshed["refreshToken"]}).json
    assert is_let_in(guarded, again["token"])


@pytest.mark.one_database
def test_a_weak_session_becomes_a_strong_one(
    app: Flask, guarded: Api, sinch: Simulator, alice: SignedIn, time: Time
) -> None:
    token = weak_session(app, alice)
    time.advance(120)
    response = step_up(guarded, alice, token, ask_code(guarded, sinch, alice, token))
    assert response.json["acr"] == "aal2"
    assert is_let_in(guarded, response.json["token"])


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"password": None}, "password", "Provide your password."),
        ({"password": ""}, "password", "Provide your password."),
        ({"method": None}, "method", METHOD_FAULT),
        ({"method": "pigeon"}, "method", METHOD_FAULT),
        ({"method": "password", "password": None}, "password", "Provide your password."),
        ({"credential": {}}, "credential", "This field is not known here."),
        ({"code": None}, "code", CODE_FAULT),
        ({"code": "１２３４"}, "code", CODE_FAULT),
        ({"code": 1234}, "code", CODE_FAULT),
    ],
)
@pytest.mark.one_database
def test_what_is_missing_or_malformed_is_400(
    api: Api, alice: SignedIn, changes: dict[str, Any], field: str, message: str
) -> None:
    response = step_up(api, alice, alice.token, **{"code": "1234", **changes})
    assert (response.status_code, response.json["errors"]) == (400, [{"field": field, "message": message}])


@pytest.mark.one_database
def test_the_password_alone_is_not_enough_of_an_account_with_a_second_factor(api: Api, alice: SignedIn) -> None:
    refused = step_up(api, alice, alice.token, None, method="password")
    assert (refused.status_code, refused.json["code"]) == (409, "method_not_enrolled")


@pytest.mark.one_database
def test_the_phone_offers_nothing_beforehand(api: Api, alice: SignedIn) -> None:
    answer = api.post("/auth/step-up/options", {"method": "sms"}, token=alice.token)
    assert (answer.status_code, answer.json) == (200, {})


@pytest.mark.one_database
def test_a_wrong_password_is_401_and_spends_no_code(
    guarded: Api, sinch: Simulator, alice: SignedIn, time: Time
) -> None:
    token = aged(guarded, alice, time)
    code = ask_code(guarded, sinch, alice, token)
    refused = step_up(guarded, alice, token, code, password="Wrong-Horse-7")
    assert (refused.status_code, refused.json["code"]) == (401, "invalid_credentials")
    assert step_up(guarded, alice, token, code).status_code == 200


def test_wrong_passwords_count_with_those_of_logins(api: Api, alice: SignedIn) -> None:
    for _ in range(3):
        assert step_up(api, alice, alice.token, "1234", password="Wrong-Horse-7").status_code == 401
    wrong = {**alice.person.credentials, "password": "Wrong-Horse-7"}
    assert [api.post("/auth/login", wrong).status_code for _ in range(2)] == [401, 401]
    locked = step_up(api, alice, alice.token, "1234")
    assert (locked.status_code, locked.json["code"]) == (429, "account_locked")


def test_a_wrong_code_is_401_and_counts(guarded: Api, sinch: Simulator, alice: SignedIn, time: Time) -> None:
    token = aged(guarded, alice, time)
    code = ask_code(guarded, sinch, alice, token)
    answers = [step_up(guarded, alice, token, wrong_code(code, number)).json["code"] for number in range(1, 7)]
    assert answers == ["otp_invalid"] * 5 + ["too_many_attempts"]


def test_a_code_works_for_one_step_up(guarded: Api, sinch: Simulator, alice: SignedIn, time: Time) -> None:
    token = aged(guarded, alice, time)
    code = ask_code(guarded, sinch, alice, token)
    statuses = at_once(10, lambda _: step_up(guarded, alice, token, code).status_code)
    assert sorted(statuses).count(200) == 1


@pytest.mark.one_database
def test_a_code_of_a_login_is_refused_for_step_up(guarded: Api, sinch: Simulator, alice: SignedIn, time: Time) -> None:
    token = aged(guarded, alice, time)
    guarded.post("/auth/login", alice.person.credentials)
    refused = step_up(guarded, alice, token, code_on_phone(sinch, alice.person))
    assert (refused.status_code, refused.json["code"]) == (401, "otp_invalid")


@pytest.mark.one_database
def test_a_code_of_a_phone_verification_is_refused_for_step_up(
    guarded: Api, sinch: Simulator, alice: SignedIn, time: Time
) -> None:
    token = aged(guarded, alice, time)
    assert guarded.post("/auth/request-otp", {"email": alice.person.email}).status_code == 200
    assert step_up(guarded, alice, token, code_on_phone(sinch, alice.person)).status_code == 401


@pytest.mark.one_database
def test_a_code_of_a_step_up_verifies_no_phone_and_is_not_reported(
    api: Api, sinch: Simulator, alice: SignedIn, time: Time
) -> None:
    token = aged(api, alice, time)
    code = ask_code(api, sinch, alice, token)
    refused = api.post("/auth/verify-otp", {"email": alice.person.email, "otpCode": code})
    assert (refused.status_code, refused.json["code"]) == (401, "otp_invalid")
    assert step_up(api, alice, token, code).status_code == 200


@pytest.mark.one_database
def test_a_code_is_bound_to_the_session_that_asked_for_it(
    app: Flask, guarded: Api, sinch: Simulator, alice: SignedIn, time: Time
) -> None:
    token = aged(guarded, alice, time)
    code = ask_code(guarded, sinch, alice, token)
    assert step_up(guarded, alice, weak_session(app, alice), code).status_code == 401
    assert step_up(guarded, alice, token, code).status_code == 200


def test_codes_share_the_cooldown_of_all_codes(api: Api, sinch: Simulator, alice: SignedIn) -> None:
    response = api.post("/auth/step-up/request", {}, token=alice.token)
    assert (response.status_code, response.json["code"]) == (429, "otp_cooldown")


@pytest.mark.one_database
def test_an_ended_session_steps_up_no_more(api: Api, sinch: Simulator, alice: SignedIn, time: Time) -> None:
    token = aged(api, alice, time)
    code = ask_code(api, sinch, alice, token)
    api.post("/auth/logout", token=token)
    assert step_up(api, alice, token, code).status_code == 401


@pytest.mark.one_database
def test_a_locked_person_steps_up_no_more(app: Flask, api: Api, sinch: Simulator, alice: SignedIn, time: Time) -> None:
    token = aged(api, alice, time)
    code = ask_code(api, sinch, alice, token)
    with app.app_context():
        users.lock(alice.person.id)
    assert step_up(api, alice, token, code).status_code == 401


@pytest.mark.one_database
def test_another_persons_password_and_code_do_not_serve(
    guarded: Api, sinch: Simulator, alice: SignedIn, bob: SignedIn, time: Time
) -> None:
    token = aged(guarded, alice, time)
    others = str(guarded.post("/auth/refresh", {"refreshToken": bob.refresh_token}).json["token"])
    code = ask_code(guarded, sinch, bob, others)
    assert step_up(guarded, alice, token, code).status_code == 401


def test_a_step_up_proves_a_number_that_an_operator_took_back(
    app: Flask, guarded: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    held = SignedIn(person, sign_in(guarded, sinch, person))
    with app.app_context():
        users.unverify_by_operator(person.id)
    time.advance(120)
    answer = step_up(guarded, held, held.token, ask_code(guarded, sinch, held, held.token)).json
    assert claims_of(answer["token"])["isVerified"] is True
