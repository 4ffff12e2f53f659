"""POST /auth/passkey: a sign-in by a passkey alone."""

from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import select

from otp_service import audit
from otp_service.accounts import users
from otp_service.core.database.transactions import fetch_all
from otp_service.core.text import base64url, decoded_base64
from otp_service.factors.webauthn.models import WebAuthnChallenge
from otp_service.outbox import records
from otp_service.sessions.models import Session
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factors.webauthn.authenticator import Authenticator, Lies
from tests.factors.webauthn.conftest import REFUSAL, begin, enrolled, passkey, passkey_options, refusal
from tests.parallel import ROUNDS, at_once
from tests.sessions.conftest import SignedIn
from tests.strangers import stranger

WRONG = {
    "origin": Lies(origin="https://evil.example"),
    "domain": Lies(rp_id="evil.example"),
    "type": Lies(type="webauthn.create"),
    "presence": Lies(present=False),
    "verification": Lies(verified=False),
    "signature": Lies(bad_signature=True),
    "counter": Lies(sign_count=0),
    "user handle": Lies(user_handle=b"h" * 64),
    "no user handle": Lies(no_user_handle=True),
    "unknown credential": Lies(credential_id=b"c" * 32),
    "unknown challenge": Lies(challenge=b"x" * 32),
    "frame": Lies(cross_origin=True),
}


def sessions(app: Flask) -> int:
    with app.app_context():
        return len(fetch_all(select(Session.id)))


def test_the_options_name_no_user_and_require_verification(api: Api, alice: SignedIn) -> None:
    enrolled(api, alice)
    options = passkey_options(api)
    assert "allowCredentials" not in options
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")


def test_a_passkey_alone_signs_in_with_two_factors(api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice)
    response = passkey(api, key.get(passkey_options(api)))
    assert response.status_code == 200, response.json
    assert (response.json["message"], response.json["userId"]) == ("Login successful.", alice.person.id)
    claims: dict[str, Any] = jwt.decode(response.json["token"], options={"verify_signature": False})
    assert (claims["amr"], claims["acr"]) == (["hwk", "user"], "aal2")
    assert api.get("/profile", token=response.json["token"]).json["user"]["email"] == alice.person.email
    assert api.post("/auth/refresh", {"refreshToken": response.json["refreshToken"]}).status_code == 200


def test_the_owner_is_notified_of_a_sign_in_from_an_unknown_device(app: Flask, api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice)
    body = {"credential": key.get(passkey_options(api))}
    assert api.post("/auth/passkey", body, headers={"User-Agent": "Another browser"}).status_code == 200
    with app.app_context():
        assert "new_sign_in" in [one.template for one in records.newest(limit=10)]


@pytest.mark.parametrize("lies", WRONG.values(), ids=WRONG)
@pytest.mark.one_database
def test_a_wrong_response_opens_no_session(app: Flask, api: Api, alice: SignedIn, lies: Lies) -> None:
    key = enrolled(api, alice)
    assert passkey(api, key.get(passkey_options(api))).status_code == 200
    options, before = passkey_options(api), sessions(app)
    assert refusal(passkey(api, key.get(options, lies))) == REFUSAL
    assert sessions(app) == before
    assert passkey(api, key.get(passkey_options(api))).status_code == 200


def test_a_locked_account_is_rejected_like_a_wrong_response(app: Flask, api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice)
    options = passkey_options(api)
    with app.app_context():
        users.lock(alice.person.id)
    assert refusal(passkey(api, key.get(options))) == REFUSAL


def test_the_challenge_of_a_second_step_is_none_for_a_passkey_alone(api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice)
    _, options = begin(api, alice.person)
    assert refusal(passkey(api, key.get(options))) == REFUSAL


def test_a_challenge_expires_after_five_minutes(api: Api, alice: SignedIn, time: Time) -> None:
    key = enrolled(api, alice)
    options = passkey_options(api)
    time.advance(301)
    assert refusal(passkey(api, key.get(options))) == REFUSAL


@pytest.mark.race
def test_of_parallel_uses_of_one_signature_one_signs_in(make_app: MakeApp, alice: SignedIn) -> None:
    app = make_app(OTP_CHECKS_PER_HOUR="1000")
    api = Api(app)
    key = enrolled(api, alice, counts=False, synced=True)
    for _ in range(ROUNDS):
        credential, before = key.get(passkey_options(api)), sessions(app)
        answers = at_once(20, lambda _: passkey(api, credential))
        assert sorted(one.status_code for one in answers) == [200] + [401] * 19
        assert sessions(app) == before + 1


def test_a_removed_passkey_opens_no_session(api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice)
    (id,) = (one["id"] for one in api.get("/factors", token=alice.token).json["factors"] if one["type"] == "webauthn")
    api.send("DELETE", f"/factors/webauthn/{id}", token=alice.token)
    assert refusal(passkey(api, key.get(passkey_options(api)))) == REFUSAL


def test_strangers_leave_no_trail_in_an_account(app: Flask, api: Api, alice: SignedIn) -> None:
    enrolled(api, alice)
    passkey(api, Authenticator(user_handle=b"h" * 64).get(passkey_options(api)))
    with app.app_context():
        assert "factor.refused" not in [event.event for event in audit.events_of(alice.person.id)]


def test_failed_tries_are_limited_per_address(make_app: MakeApp, alice: SignedIn) -> None:
    limited = Api(make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_FAILED_LOGINS="2"))
    key = Authenticator(user_handle=b"h" * 64)
    options = passkey_options(limited)
    assert [passkey(limited, key.get(options)).status_code for _ in range(3)] == [401, 401, 429]


@pytest.mark.parametrize("body", [{}, {"credential": None}, {"credential": {}}, {"credential": {"id": "x"}}, {"x": 1}])
@pytest.mark.one_database
def test_what_is_no_credential_is_malformed(api: Api, body: dict[str, Any]) -> None:
    response = api.post("/auth/passkey", body)
    assert (response.status_code, response.json["code"]) == (400, "validation_failed")


def test_a_challenge_for_any_user_is_stored_only_when_a_known_passkey_used_it(
    app: Flask, api: Api, alice: SignedIn
) -> None:
    key = enrolled(api, alice)
    before = stored_challenges(app)
    options = [passkey_options(api) for _ in range(30)]
    for one in options[:10]:
        passkey(api, Authenticator(user_handle=b"h" * 64).get(one))
    assert stored_challenges(app) == before

    assert passkey(api, key.get(options[10])).status_code == 200
    assert stored_challenges(app) == before + 1


@pytest.mark.parametrize("position", [0, 10, 20])
def test_a_challenge_that_was_bent_is_rejected(api: Api, alice: SignedIn, position: int) -> None:
    key, options = enrolled(api, alice), passkey_options(api)
    bent = bytearray(decoded_base64(options["challenge"], needs_padding=False))
    bent[position] ^= 1

    assert refusal(passkey(api, key.get({**options, "challenge": base64url(bytes(bent))}))) == REFUSAL


def test_any_response_by_a_known_passkey_spends_the_challenge(api: Api, alice: SignedIn) -> None:
    key, options = enrolled(api, alice), passkey_options(api)
    assert refusal(passkey(api, key.get(options, Lies(bad_signature=True)))) == REFUSAL

    assert refusal(passkey(api, key.get(options))) == REFUSAL
    assert passkey(api, key.get(passkey_options(api))).status_code == 200


def test_junk_signatures_use_up_the_tries_of_their_own_network_alone(app: Flask, api: Api, alice: SignedIn) -> None:
    key, junk = enrolled(api, alice), Lies(bad_signature=True)
    other = stranger(app)
    statuses = [passkey(other, key.get(passkey_options(other), junk)).status_code for _ in range(16)]

    assert statuses == [401] * 15 + [429]
    assert passkey(api, key.get(passkey_options(api))).status_code == 200


def stored_challenges(app: Flask) -> int:
    with app.app_context():
        return len(fetch_all(select(WebAuthnChallenge.id)))
