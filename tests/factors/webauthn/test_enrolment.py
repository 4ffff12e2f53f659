"""Enrolling, naming and removing passkeys."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.accounts import users
from otp_service.core.database.transactions import fetch_all
from otp_service.core.services import services_of
from otp_service.factors.webauthn.enrolment import LIMIT
from otp_service.factors.webauthn.models import WebAuthnCredential, WebAuthnHandle
from otp_service.factors.webauthn.settings import WebAuthnSettings
from otp_service.outbox import records
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.environments import give
from tests.factories import log_in, sign_in
from tests.factors.webauthn.authenticator import ALGORITHMS, Authenticator, Lies, b64, unb64
from tests.factors.webauthn.conftest import REFUSAL, begin, creation_options, enrol, enrolled, refusal
from tests.parallel import at_once
from tests.sessions.conftest import SignedIn
from tests.trail import events_of

WRONG = {
    "origin": Lies(origin="https://evil.example"),
    "port of the origin": Lies(origin="http://localhost:8001"),
    "domain": Lies(rp_id="evil.example"),
    "type": Lies(type="webauthn.get"),
    "presence": Lies(present=False),
    "challenge": Lies(challenge=b"x" * 32),
    "frame": Lies(cross_origin=True),
    "id": Lies(credential_id=b"y" * 32),
}


def passkeys_of(api: Api, who: SignedIn) -> list[dict[str, Any]]:
    response = api.get("/factors", token=who.token)
    return [one for one in response.json["factors"] if one["type"] == "webauthn"]


def post(api: Api, who: SignedIn, credential: Any, name: Any = "Key") -> Any:
    return api.post("/factors/webauthn", {"credential": credential, "name": name}, token=who.token)


def test_the_options_are_what_browsers_parse(api: Api, alice: SignedIn) -> None:
    options = creation_options(api, alice)
    assert options["rp"] == {"id": "localhost", "name": "localhost"}
    assert options["user"]["name"] == alice.person.email
    assert [one["alg"] for one in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    assert (options["attestation"], options["excludeCredentials"]) == ("none", [])
    assert len(unb64(options["challenge"])) == 32


def test_a_users_handle_is_random_and_stays(app: Flask, api: Api, alice: SignedIn, bob: SignedIn) -> None:
    first, second, other = (unb64(creation_options(api, who)["user"]["id"]) for who in (alice, alice, bob))
    assert len(first) == 64
    assert first == second != other
    with app.app_context():
        assert len(fetch_all(select(WebAuthnHandle.handle))) == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_passkey_is_enrolled(api: Api, alice: SignedIn, algorithm: str) -> None:
    response = enrol(api, alice, Authenticator(algorithm=algorithm, synced=True), name="Téléphone 📱")
    assert response.status_code == 201, response.json
    others = {"backupCodes", "token", "tokenType", "expiresIn", "sessionId", "acr"}
    described = {name: value for name, value in response.json.items() if name not in others}
    assert described["type"] == "webauthn"
    assert (described["name"], described["synced"], described["lastUsedAt"]) == ("Téléphone 📱", True, None)
    assert passkeys_of(api, alice) == [described]


def test_backup_codes_come_with_the_first_passkey_alone(api: Api, alice: SignedIn) -> None:
    first, second = (enrol(api, alice, Authenticator()).json for _ in range(2))
    assert len(first["backupCodes"]) == 10
    assert "backupCodes" not in second
    token = log_in(api, alice.person)["challengeToken"]
    body = {"challengeToken": token, "code": first["backupCodes"][0]}
    assert api.post("/auth/mfa/backup-code", body).status_code == 200


def test_the_owner_is_notified_of_a_new_passkey(app: Flask, api: Api, alice: SignedIn) -> None:
    enrolled(api, alice)
    assert "factor.added" in events_of(app, alice.person)
    with app.app_context():
        assert [one.template for one in records.newest(limit=10)].count("factor_added") == 1


def test_the_options_exclude_the_authenticators_of_the_user(api: Api, alice: SignedIn, bob: SignedIn) -> None:
    key = enrolled(api, alice)
    (excluded,) = creation_options(api, alice)["excludeCredentials"]
    assert excluded == {"id": b64(key.credential_id), "type": "public-key", "transports": ["hybrid", "internal"]}
    assert creation_options(api, bob)["excludeCredentials"] == []


@pytest.mark.parametrize("lies", WRONG.values(), ids=WRONG)
@pytest.mark.one_database
def test_a_wrong_response_enrols_no_passkey(app: Flask, api: Api, alice: SignedIn, lies: Lies) -> None:
    assert refusal(enrol(api, alice, Authenticator(), lies=lies)) == REFUSAL
    assert passkeys_of(api, alice) == []
    assert "factor.enrolment_refused" in events_of(app, alice.person)


def test_a_challenge_enrols_once(api: Api, alice: SignedIn) -> None:
    options = creation_options(api, alice)
    assert post(api, alice, Authenticator().create(options)).status_code == 201
    assert refusal(post(api, alice, Authenticator().create(options))) == REFUSAL


def test_a_challenge_is_for_its_user(api: Api, alice: SignedIn, bob: SignedIn) -> None:
    options = creation_options(api, alice)
    assert refusal(post(api, bob, Authenticator().create(options))) == REFUSAL


def test_a_challenge_is_for_its_session(api: Api, alice: SignedIn, sinch: Simulator, time: Time) -> None:
    options = creation_options(api, alice)
    time.advance(121)
    other = SignedIn(alice.person, sign_in(api, sinch, alice.person))
    assert refusal(post(api, other, Authenticator().create(options))) == REFUSAL
    assert post(api, alice, Authenticator().create(options)).status_code == 201


def test_a_challenge_is_for_its_purpose(api: Api, alice: SignedIn) -> None:
    key = enrolled(api, alice)
    _, options = begin(api, alice.person)
    creation = {**creation_options(api, alice), "challenge": options["challenge"], "excludeCredentials": []}
    assert refusal(post(api, alice, Authenticator().create(creation))) == REFUSAL
    assert key.user_handle


def test_a_challenge_expires_after_five_minutes(api: Api, alice: SignedIn, time: Time) -> None:
    options = creation_options(api, alice)
    time.advance(301)
    assert refusal(post(api, alice, Authenticator().create(options))) == REFUSAL


def test_a_credential_is_registered_once(api: Api, alice: SignedIn, bob: SignedIn) -> None:
    key = enrolled(api, alice)
    for who in (alice, bob):
        response = post(api, who, key.create({**creation_options(api, who), "excludeCredentials": []}))
        assert (response.status_code, response.json["code"]) == (409, "passkey_taken")
    assert len(passkeys_of(api, alice)) == 1
    assert passkeys_of(api, bob) == []


def test_an_account_has_ten_passkeys_at_most(api: Api, alice: SignedIn) -> None:
    for _ in range(LIMIT):
        enrolled(api, alice)

    refused = enrol(api, alice, Authenticator())

    assert (refused.status_code, refused.json["code"]) == (409, "passkey_limit")
    assert len(passkeys_of(api, alice)) == LIMIT


def test_of_parallel_enrolments_in_a_session_the_first_ends_the_token_of_the_others(api: Api, alice: SignedIn) -> None:
    credentials = [Authenticator().create(creation_options(api, alice)) for _ in range(5)]

    answers = at_once(5, lambda number: post(api, alice, credentials[number]))

    assert sorted(one.status_code for one in answers) == [201] + [401] * 4
    assert len(passkeys_of(api, alice)) == 1


def test_transports_may_be_null(api: Api, alice: SignedIn) -> None:
    key = Authenticator()
    credential = key.create(creation_options(api, alice))
    credential["response"]["transports"] = None

    response = post(api, alice, credential, "👩\u200d🔬 key")

    assert response.status_code == 201, response.json
    assert response.json["name"] == "👩\u200d🔬 key"


@pytest.mark.parametrize("name", [None, "", " ", 7, "x" * 65, "two\nlines", "\u202ereversed", "tab\t"])
@pytest.mark.each_case
def test_a_name_is_one_to_64_printable_characters(api: Api, alice: SignedIn, name: Any) -> None:
    credential = Authenticator().create(creation_options(api, alice))
    response = post(api, alice, credential, name)
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "name")
    assert post(api, alice, credential, "x" * 64).status_code == 201


def test_a_malformed_credential_is_no_wrong_one(api: Api, alice: SignedIn) -> None:
    right = Authenticator().create(creation_options(api, alice))
    response = {**right["response"], "attestationObject": "not base64!"}
    several: tuple[Any, ...] = (
        None,
        [],
        "x",
        {},
        {**right, "rawId": 7},
        {**right, "response": None},
        {**right, "response": response},
    )
    for wrong in several:
        assert post(api, alice, wrong).status_code == 400, wrong


def test_padded_base64_and_fields_of_later_browsers_are_taken(api: Api, alice: SignedIn) -> None:
    credential = Authenticator().create(creation_options(api, alice))
    credential = {**credential, "id": credential["id"] + "=", "rawId": credential["rawId"] + "=", "later": {"x": 1}}
    assert post(api, alice, credential).status_code == 201


def test_a_passkey_is_renamed_by_its_owner_alone(api: Api, alice: SignedIn, bob: SignedIn) -> None:
    enrolled(api, alice)
    id = passkeys_of(api, alice)[0]["id"]
    refused = api.send("PATCH", f"/factors/webauthn/{id}", json={"name": "Mine"}, token=bob.token)
    assert (refused.status_code, refused.json["code"]) == (404, "passkey_not_found")
    renamed = api.send("PATCH", f"/factors/webauthn/{id}", json={"name": "Ring"}, token=alice.token)
    assert renamed.json == passkeys_of(api, alice)[0]
    assert renamed.json["name"] == "Ring"


def test_a_passkey_is_removed_by_its_owner_alone_and_at_once(
    app: Flask, api: Api, alice: SignedIn, bob: SignedIn
) -> None:
    key = enrolled(api, alice)
    token, options = begin(api, alice.person)
    id = passkeys_of(api, alice)[0]["id"]
    assert api.send("DELETE", f"/factors/webauthn/{id}", token=bob.token).status_code == 404
    assert api.send("DELETE", f"/factors/webauthn/{id}", token=alice.token).status_code == 204
    alice = SignedIn(alice.person, api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json)
    assert passkeys_of(api, alice) == []
    answered = api.post("/auth/mfa/webauthn", {"challengeToken": token, "credential": key.get(options)})
    assert refusal(answered) == REFUSAL
    assert "factor.removed" in events_of(app, alice.person)
    with app.app_context():
        assert "factor_removed" in [one.template for one in records.newest(limit=10)]


def test_changes_need_a_fresh_sign_in(api: Api, alice: SignedIn, time: Time) -> None:
    enrolled(api, alice)
    id = passkeys_of(api, alice)[0]["id"]
    time.advance(660)
    token = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json["token"]
    credential = Authenticator(credential_id=b"z" * 32).create({**_ANY_OPTIONS})
    acts = (
        ("POST", "/factors/webauthn/options", None),
        ("POST", "/factors/webauthn", {"credential": credential, "name": "Key"}),
        ("PATCH", f"/factors/webauthn/{id}", {"name": "Key"}),
        ("DELETE", f"/factors/webauthn/{id}", None),
    )
    for method, path, body in acts:
        response = api.send(method, path, json=body, token=token)
        assert (response.status_code, response.json["code"]) == (403, "step_up_required"), path
        assert api.send(method, path, json=body).status_code == 401, path


_ANY_OPTIONS = {
    "challenge": b64(b"c" * 32),
    "rp": {"id": "localhost"},
    "user": {"id": b64(b"h" * 64)},
    "excludeCredentials": [],
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
}


def test_a_deleted_account_leaves_no_passkey(app: Flask, api: Api, alice: SignedIn) -> None:
    enrolled(api, alice)
    with app.app_context():
        users.remove(alice.person.id)
        for model in (WebAuthnCredential, WebAuthnHandle):
            assert fetch_all(select(model.__table__)) == []


def test_without_a_domain_there_are_no_passkeys(make_app: MakeApp, alice: SignedIn) -> None:
    app = make_app()
    config = services_of(app).settings
    give(app, settings=config.with_section(replace(config.of(WebAuthnSettings), rp_id=None, origins=())))
    off = Api(app)
    for response in (off.post("/factors/webauthn/options", token=alice.token), off.post("/auth/passkey/options", {})):
        assert (response.status_code, response.json["code"]) == (409, "passkeys_off")
