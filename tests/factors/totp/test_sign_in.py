"""POST /auth/mfa/totp, and a step-up with a code of the app."""

import jwt
import pytest
from flask import Flask

from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.factors import throttle
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factories import PASSWORD, log_in, make_person, sign_in
from tests.factors.totp.authenticator import STEP, AuthenticatorApp, enrol, sign_in_with
from tests.parallel import ROUNDS, at_once
from tests.sessions.conftest import SignedIn, refreshed, stepped_up
from tests.trail import factor_events, facts_of

pytestmark = pytest.mark.usefixtures("time")  # before anybody signs in or enrols


@pytest.fixture
def phone_app(api: Api, alice: SignedIn) -> AuthenticatorApp:
    """Alice's app, just added."""
    return enrol(api, alice.token)[0]


def test_a_code_of_the_app_meets_the_challenge(
    app: Flask, api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(STEP)
    challenge = log_in(api, alice.person)
    assert "totp" in challenge["methods"]
    response = sign_in_with(api, alice.person, phone_app.code(), challenge=challenge["challengeToken"])
    assert response.status_code == 200, response.json
    claims = jwt.decode(response.json["token"], options={"verify_signature": False})
    assert (claims["amr"], claims["acr"]) == (["pwd", "otp"], "aal2")
    assert facts_of(app, alice.person, "session.started")["factor"] == "totp"
    listed = api.get("/factors", token=response.json["token"]).json["factors"]
    assert [one["lastUsedAt"] is not None for one in listed if one["type"] == "totp"] == [True]


def test_the_code_that_enrolled_opens_no_session(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    assert sign_in_with(api, alice.person, phone_app.code()).status_code == 401
    assert sign_in_with(api, alice.person, phone_app.code(steps=-1)).status_code == 401
    assert sign_in_with(api, alice.person, phone_app.code(steps=1)).status_code == 200


def test_a_code_works_once_and_none_before_it_afterwards(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(3 * STEP)
    assert sign_in_with(api, alice.person, phone_app.code()).status_code == 200
    for steps in (0, -1):
        refused = sign_in_with(api, alice.person, phone_app.code(steps=steps))
        assert (refused.status_code, refused.json["message"]) == (401, "Invalid or expired OTP code.")
    assert sign_in_with(api, alice.person, phone_app.code(steps=1)).status_code == 200


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (1, 200), (2, 401)])
def test_a_clock_may_be_one_step_off(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time, steps: int, status: int
) -> None:
    time.advance(5 * STEP)
    assert sign_in_with(api, alice.person, phone_app.code(steps=steps)).status_code == status


def test_no_other_spelling_of_a_used_code_counts(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(STEP)
    code = phone_app.code()
    assert sign_in_with(api, alice.person, code).status_code == 200
    challenge = log_in(api, alice.person)["challengeToken"]
    wide = code.translate({48 + n: 0xFF10 + n for n in range(10)})
    for blanks in (f" {code}", f"{code}\n", f"{code[:3]} {code[3:]}"):
        assert sign_in_with(api, alice.person, blanks, challenge=challenge).status_code == 401
    for spelling in (f"0{code}", f"{code[:3]}-{code[3:]}", wide, int(code), [code]):
        assert sign_in_with(api, alice.person, spelling, challenge=challenge).status_code == 400


def test_blanks_in_the_code_of_an_app_do_not_count(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(STEP)
    code = phone_app.code()

    response = sign_in_with(api, alice.person, f"{code[:3]}\u00a0{code[3:]} ")

    assert response.status_code == 200, response.json


def test_a_rejected_code_leaves_the_challenge_open(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(STEP)
    challenge = log_in(api, alice.person)["challengeToken"]
    assert sign_in_with(api, alice.person, phone_app.wrong_code(), challenge=challenge).status_code == 401
    assert sign_in_with(api, alice.person, phone_app.code(), challenge=challenge).status_code == 200


def test_another_persons_app_is_rejected(
    api: Api, alice: SignedIn, bob: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    others, _ = enrol(api, bob.token)
    time.advance(STEP)
    assert sign_in_with(api, alice.person, others.code()).status_code == 401
    assert sign_in_with(api, bob.person, others.code()).status_code == 200


def test_without_an_app_codes_are_refused_and_not_counted_against_a_later_one(
    api: Api, alice: SignedIn, time: Time
) -> None:
    challenge = log_in(api, alice.person)["challengeToken"]
    refused = [sign_in_with(api, alice.person, "123456", challenge=challenge).status_code for _ in range(16)]
    assert refused == [401] * 16
    authenticator, _ = enrol(api, alice.token)
    time.advance(STEP)
    assert sign_in_with(api, alice.person, authenticator.code()).status_code == 200


def test_fifteen_wrong_codes_in_an_hour_are_enough_for_a_right_one_too(
    app: Flask, api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(STEP)
    challenge = log_in(api, alice.person)["challengeToken"]
    wrong = phone_app.wrong_code()
    statuses = [sign_in_with(api, alice.person, wrong, challenge=challenge).status_code for _ in range(15)]
    assert statuses == [401] * 15
    assert factor_events(app, alice.person).count(("factor.refused", {"factor": "totp"})) == 15
    refused = sign_in_with(api, alice.person, phone_app.code())
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_attempts")
    time.advance(3_600)
    assert sign_in_with(api, alice.person, phone_app.code()).status_code == 200


def test_a_success_with_the_app_clears_its_own_count_alone(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(STEP)
    challenge = log_in(api, alice.person)["challengeToken"]
    for _ in range(14):
        sign_in_with(api, alice.person, phone_app.wrong_code(), challenge=challenge)
        sign_in_with(api, alice.person, "0000-0000-0000-0000", path="backup-code", challenge=challenge)
    assert sign_in_with(api, alice.person, phone_app.code()).status_code == 200
    challenge = log_in(api, alice.person)["challengeToken"]
    tries = [sign_in_with(api, alice.person, phone_app.wrong_code(), challenge=challenge) for _ in range(15)]
    assert {answer.status_code for answer in tries} == {401}
    spare = [
        sign_in_with(api, alice.person, "0000-0000-0000-0000", path="backup-code", challenge=challenge).status_code
        for _ in range(2)
    ]
    assert spare == [401, 429]


def test_a_disabled_app_is_403_and_a_new_one_can_be_added(
    app: Flask, api: Api, sinch: Simulator, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    time.advance(STEP)
    with app.app_context():
        for _ in range(99):
            throttle.take(alice.person.id, "totp", client=COMMAND_LINE, now=clock.now(), per_hour=1_000)
        time.advance(3_600)
    challenge = log_in(api, alice.person)["challengeToken"]
    assert sign_in_with(api, alice.person, phone_app.wrong_code(), challenge=challenge).status_code == 401
    refused = sign_in_with(api, alice.person, phone_app.code(), challenge=challenge)
    assert (refused.status_code, refused.json["code"]) == (403, "authenticator_disabled")
    time.advance(120)
    own = stepped_up(app, SignedIn(alice.person, sign_in(api, sinch, alice.person)), "otp")
    assert api.send("DELETE", "/factors/totp", token=own.token).status_code == 204
    anew, _ = enrol(api, refreshed(api, own.refresh_token)["token"])
    time.advance(STEP)
    assert sign_in_with(api, alice.person, anew.code()).status_code == 200


def test_a_code_steps_a_session_up_once(api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time) -> None:
    time.advance(STEP)
    body = {"password": PASSWORD, "method": "totp", "code": phone_app.code()}
    response = api.post("/auth/step-up", body, token=alice.token)
    assert response.status_code == 200, response.json
    assert api.post("/auth/step-up", body, token=alice.token).status_code == 401
    assert sign_in_with(api, alice.person, phone_app.code()).status_code == 401


def test_a_challenge_spent_meanwhile_leaves_the_code_valid(
    api: Api, alice: SignedIn, phone_app: AuthenticatorApp, time: Time
) -> None:
    """The code is spent in the transaction that spends the challenge: both or neither."""
    time.advance(STEP)
    challenge = log_in(api, alice.person)["challengeToken"]
    assert sign_in_with(api, alice.person, phone_app.code(), challenge=challenge).status_code == 200
    time.advance(STEP)
    assert sign_in_with(api, alice.person, phone_app.code(), challenge=challenge).status_code == 401
    assert sign_in_with(api, alice.person, phone_app.code()).status_code == 200


@pytest.mark.race
def test_of_parallel_uses_of_one_code_one_signs_in(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    authenticator, _ = enrol(api, sign_in(api, sinch, person)["token"])
    for _ in range(ROUNDS):
        time.advance(2 * STEP)
        challenges = [log_in(api, person)["challengeToken"] for _ in range(2)]
        code = authenticator.code()
        answers = at_once(
            20,
            lambda number: sign_in_with(api, person, code, challenge=challenges[number % 2]).status_code,
        )
        assert sorted(answers).count(200) == 1, answers
        assert set(answers) <= {200, 401, 429}
