"""A passkey as the second factor of a sign-in, and as a step-up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.factors.webauthn.models import WebAuthnChallenge, WebAuthnCredential
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import log_in
from tests.factors.webauthn.authenticator import ALGORITHMS, Authenticator, Lies, b64
from tests.factors.webauthn.conftest import (
    REFUSAL,
    answer,
    begin,
    creation_options,
    enrolled,
    passkey_options,
    refusal,
    sign_in_options,
)
from tests.parallel import ROUNDS, at_once
from tests.sessions.conftest import SignedIn
from tests.sessions.forging import claims_of
from tests.trail import events_of, facts_of

WRONG = {
    "origin": Lies(origin="https://evil.example"),
    "domain": Lies(rp_id="evil.example"),
    "type": Lies(type="webauthn.create"),
    "presence": Lies(present=False),
    "signature": Lies(bad_signature=True),
    "counter that stands still": Lies(sign_count=1),
    "counter that went back": Lies(sign_count=0),
    "user handle": Lies(user_handle=b"h" * 64),
    "unknown credential": Lies(credential_id=b"c" * 32),
    "unknown challenge": Lies(challenge=b"x" * 32),
    "frame": Lies(cross_origin=True),
}


def rows(app: Flask) -> list[Any]:
    """All that a refusal must leave as it is."""
    with app.app_context():
        credentials = fetch_all(select(WebAuthnCredential.__table__).order_by(WebAuthnCredential.id))
        challenges = fetch_all(select(WebAuthnChallenge.id).order_by(WebAuthnChallenge.id))
        return [*map(tuple, credentials), *map(tuple, challenges)]


@dataclass(frozen=True)
class Begun:
    """A sign-in that waits for the passkey, which was used once before."""

    key: Authenticator
    token: str
    options: dict[str, Any]


@pytest.fixture
def begun(api: Api, alice: SignedIn) -> Begun:
    key = enrolled(api, alice)
    token, options = begin(api, alice.person)
    assert answer(api, token, key.get(options)).status_code == 200
    return Begun(key, *begin(api, alice.person))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_password_and_passkey_sign_in(app: Flask, api: Api, alice: SignedIn, algorithm: str) -> None:
    key = enrolled(api, alice, algorithm=algorithm)
    token, options = begin(api, alice.person)
    response = answer(api, token, key.get(options))
    assert response.status_code == 200, response.json
    assert (response.json["message"], response.json["userId"]) == ("Login successful.", alice.person.id)
    claims = claims_of(response.json["token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "hwk", "user"], "aal2")
    assert facts_of(app, alice.person, "session.started")["factor"] == "webauthn"


def test_the_login_offers_the_passkey_beside_the_phone(api: Api, alice: SignedIn) -> None:
    assert "webauthn" not in log_in(api, alice.person)["methods"]
    enrolled(api, alice)
    methods = log_in(api, alice.person)["methods"]
    assert methods.index("sms") < methods.index("webauthn")


def test_the_options_name_the_users_passkeys_alone(api: Api, alice: SignedIn, bob: SignedIn) -> None:
    enrolled(api, bob)
    key = enrolled(api, alice)
    _, options = begin(api, alice.person)
    assert [one["id"] for one in options["allowCredentials"]] == [b64(key.credential_id)]
    assert (options["rpId"], options["userVerification"]) == ("localhost", "preferred")


def test_a_key_without_pin_is_a_second_factor(api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice, verifies=False)
    token, options = begin(api, alice.person)
    assert claims_of(answer(api, token, key.get(options)).json["token"])["amr"] == ["pwd", "hwk"]


def test_a_synced_passkey_without_counter_or_handle_works_again_and_again(api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice, counts=False, synced=True)
    for _ in range(2):
        token, options = begin(api, alice.person)
        assert answer(api, token, key.get(options, Lies(no_user_handle=True))).status_code == 200


@pytest.mark.parametrize("lies", WRONG.values(), ids=WRONG)
@pytest.mark.one_database
def test_a_wrong_answer_is_refused_in_one_way_and_changes_nothing(
    app: Flask, api: Api, begun: Begun, lies: Lies
) -> None:
    before = rows(app)
    assert refusal(answer(api, begun.token, begun.key.get(begun.options, lies))) == REFUSAL
    assert rows(app) == before
    assert answer(api, begun.token, begun.key.get(sign_in_options(api, begun.token))).status_code == 200


@pytest.mark.parametrize("lies", WRONG.values(), ids=WRONG)
def test_any_response_to_a_challenge_spends_it(api: Api, begun: Begun, lies: Lies) -> None:
    wrong = begun.key.get(begun.options, lies)
    names_the_challenge = lies.challenge is None
    answer(api, begun.token, wrong)

    right = answer(api, begun.token, begun.key.get(begun.options))
    assert right.status_code == (401 if names_the_challenge else 200)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.one_database
def test_client_data_in_another_encoding_than_utf8_is_rejected(api: Api, begun: Begun, encoding: str) -> None:
    lies = Lies(encoding=encoding)
    assert refusal(answer(api, begun.token, begun.key.get(begun.options, lies))) == REFUSAL


def test_a_counter_that_went_back_is_told(app: Flask, api: Api, alice: SignedIn, begun: Begun) -> None:
    answer(api, begun.token, begun.key.get(begun.options, Lies(sign_count=1)))
    assert events_of(app, alice.person)[0] == "factor.clone_suspected"


def test_what_a_stranger_writes_into_an_answer_does_no_harm_in_the_trail(
    app: Flask, api: Api, alice: SignedIn, begun: Begun
) -> None:
    answer(api, begun.token, begun.key.get(begun.options, Lies(origin="https://\ud800\x00\n\x1b[31m" + "x" * 500)))
    newest = api.get("/account/events", token=alice.token).json["events"][0]
    assert newest["event"] == "factor.refused"
    reason = newest["facts"]["reason"]
    assert reason.startswith('Unexpected client data origin "https://[31mxxx')
    assert len(reason) == 200


def test_another_persons_passkey_is_refused(app: Flask, api: Api, bob: SignedIn, begun: Begun) -> None:
    foreign = enrolled(api, bob)
    before = rows(app)
    assert refusal(answer(api, begun.token, foreign.get(begun.options))) == REFUSAL
    assert rows(app) == before


def of_another_sign_in(api: Api, alice: SignedIn, _: SignedIn) -> dict[str, Any]:
    return begin(api, alice.person)[1]


def of_another_user(api: Api, _: SignedIn, bob: SignedIn) -> dict[str, Any]:
    enrolled(api, bob)
    return begin(api, bob.person)[1]


def of_a_step_up(api: Api, alice: SignedIn, _: SignedIn) -> dict[str, Any]:
    return dict(api.post("/auth/step-up/options", {"method": "webauthn"}, token=alice.token).json)


def of_a_passkey_alone(api: Api, _: SignedIn, __: SignedIn) -> dict[str, Any]:
    return passkey_options(api)


def of_an_enrolment(api: Api, alice: SignedIn, _: SignedIn) -> dict[str, Any]:
    return creation_options(api, alice)


@pytest.mark.parametrize(
    "other", [of_another_sign_in, of_another_user, of_a_step_up, of_a_passkey_alone, of_an_enrolment]
)
def test_a_challenge_for_something_else_is_refused(
    app: Flask,
    api: Api,
    alice: SignedIn,
    bob: SignedIn,
    begun: Begun,
    other: Callable[[Api, SignedIn, SignedIn], dict[str, Any]],
) -> None:
    challenge = other(api, alice, bob)["challenge"]
    before = rows(app)
    assert refusal(answer(api, begun.token, begun.key.get({**begun.options, "challenge": challenge}))) == REFUSAL
    assert rows(app) == before


def test_an_expired_challenge_is_refused(app: Flask, api: Api, begun: Begun, time: Time) -> None:
    time.advance(301)
    before = rows(app)
    assert refusal(answer(api, begun.token, begun.key.get(begun.options))) == REFUSAL
    assert rows(app) == before
    assert answer(api, begun.token, begun.key.get(sign_in_options(api, begun.token))).status_code == 200


def test_a_signature_works_once(api: Api, alice: SignedIn, begun: Begun) -> None:
    credential = begun.key.get(begun.options)
    assert answer(api, begun.token, credential).status_code == 200
    assert answer(api, begun.token, credential).status_code == 401
    again = log_in(api, alice.person)["challengeToken"]
    sign_in_options(api, again)
    assert refusal(answer(api, again, credential)) == REFUSAL


@pytest.mark.race
def test_of_parallel_uses_of_one_signature_one_wins(make_app: MakeApp, alice: SignedIn) -> None:
    api = Api(make_app(OTP_CHECKS_PER_HOUR="1000"))
    key = enrolled(api, alice)
    for _ in range(ROUNDS):
        token, options = begin(api, alice.person)
        credential = key.get(options)
        answers = at_once(20, lambda _: answer(api, token, credential))
        assert sorted(one.status_code for one in answers) == [200] + [401] * 19


def test_wrong_signatures_are_counted_and_a_right_one_clears_the_count(make_app: MakeApp, alice: SignedIn) -> None:
    api = Api(make_app(OTP_CHECKS_PER_HOUR="3"))
    key = enrolled(api, alice)
    token, options = begin(api, alice.person)
    wrong = Lies(bad_signature=True)
    for _ in range(2):
        assert answer(api, token, key.get(options, wrong)).status_code == 401
    assert answer(api, token, key.get(sign_in_options(api, token))).status_code == 200
    token, options = begin(api, alice.person)
    statuses = [answer(api, token, key.get(options, wrong)).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert answer(api, token, key.get(options)).json["code"] == "too_many_attempts"


def test_whoever_has_no_passkey_is_offered_none(api: Api, alice: SignedIn) -> None:
    token = log_in(api, alice.person)["challengeToken"]
    response = api.post("/auth/mfa/webauthn/options", {"challengeToken": token})
    assert (response.status_code, response.json["code"]) == (409, "method_not_enrolled")
    assert refusal(answer(api, token, Authenticator(user_handle=b"h").get(_SOME_OPTIONS))) == REFUSAL


_SOME_OPTIONS = {"rpId": "localhost", "challenge": b64(b"c" * 32)}


def step_up(api: Api, who: SignedIn, key: Authenticator, lies: Lies) -> Any:
    options = api.post("/auth/step-up/options", {"method": "webauthn"}, token=who.token)
    assert options.status_code == 200, options.json
    assert options.json["userVerification"] == "required"
    body = {"method": "webauthn", "credential": key.get(options.json, lies)}
    return api.post("/auth/step-up", body, token=who.token)


def test_a_passkey_steps_a_session_up_without_the_password(api: Api, alice: SignedIn, time: Time) -> None:
    key = enrolled(api, alice)
    time.advance(660)
    stale = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json
    who = SignedIn(alice.person, stale)
    assert api.post("/factors/webauthn/options", token=who.token).status_code == 403
    response = step_up(api, who, key, Lies())
    assert response.status_code == 200, response.json
    assert claims_of(response.json["token"])["amr"] == ["hwk", "user"]
    assert api.post("/factors/webauthn/options", token=response.json["token"]).status_code == 200


def test_a_step_up_needs_pin_or_biometrics(api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice)
    assert refusal(step_up(api, alice, key, Lies(verified=False))) == REFUSAL


def test_a_step_up_is_for_its_session(api: Api, alice: SignedIn, begun: Begun) -> None:
    other = answer(api, begun.token, begun.key.get(begun.options)).json
    options = api.post("/auth/step-up/options", {"method": "webauthn"}, token=other["token"]).json
    body = {"method": "webauthn", "credential": begun.key.get(options)}
    assert refusal(api.post("/auth/step-up", body, token=alice.token)) == REFUSAL
    assert api.post("/auth/step-up", body, token=other["token"]).status_code == 200
