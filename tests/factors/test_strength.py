"""A weaker factor adds no stronger one, and removes one after a day only (ADR 35)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.factors import registry
from otp_service.factors.strength import of_sign_in
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.api import Api, is_refused
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, code_on_phone, log_in, make_person, sign_in
from tests.factors.totp.authenticator import AuthenticatorApp, enrol, sign_in_with
from tests.factors.webauthn import conftest as passkeys
from tests.parallel import at_once
from tests.recovery.resets import confirm as confirm_reset
from tests.recovery.resets import reset_code
from tests.sessions.conftest import SignedIn, alice, stepped_up

__all__ = ["alice"]

DAY, COOLDOWN = 86_400, 121


def renew(api: Api, who: SignedIn) -> SignedIn:
    """Take the tokens of the session from the service: a change of factors voids the access tokens from before."""
    response = api.post("/auth/refresh", {"refreshToken": who.refresh_token})
    assert response.status_code == 200, response.json
    who.answer.update(response.json)
    return who


def by(app: Flask, api: Api, who: SignedIn, *amr: str) -> SignedIn:
    """The session of a person after a step-up with a factor."""
    return stepped_up(app, renew(api, who), *amr)


def by_phone(api: Api, sinch: Simulator, person: Person, time: Time) -> SignedIn:
    """A new sign-in with password and SMS."""
    time.advance(COOLDOWN)
    challenge = api.post("/auth/login", person.credentials).json["challengeToken"]
    assert api.post("/auth/request-otp", {"challengeToken": challenge, "channel": "sms"}).status_code in {200, 429}
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    response = api.post("/auth/verify-otp", body)
    assert response.status_code == 200, response.json
    return SignedIn(person, response.json)


def remove_app(api: Api, who: SignedIn) -> Any:
    return api.send("DELETE", "/factors/totp", token=who.token)


def factors(api: Api, who: SignedIn) -> dict[str, Any]:
    """What is listed, by type."""
    return {one["type"]: one for one in api.get("/factors", token=who.token).json["factors"]}


def carry_out(app: Flask) -> int:
    """Do what the worker does every minute."""
    with app.app_context():
        return registry.carry_out_removals()


def templates(api: Api, who: SignedIn) -> list[str]:
    return [letter["template"] for letter in letters(api, who.person.email)]


def cancelling_token(api: Api, who: SignedIn) -> str:
    link = str(letters(api, who.person.email, "factor_removal_requested")[0]["link"])
    assert "/keep-factor#token=" in link
    return link.partition("#token=")[2]


@pytest.fixture
def totp(api: Api, alice: SignedIn, time: Time) -> AuthenticatorApp:
    """Alice's authenticator app; she signed in by phone to add it."""
    app, _ = enrol(api, alice.token)
    time.advance(60)
    renew(api, alice)
    return app


def test_a_stronger_factor_removes_the_app_at_once(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp
) -> None:
    response = remove_app(api, by(app, api, alice, "hwk"))

    assert (response.status_code, response.data) == (204, b"")
    assert templates(api, alice)[0] == "factor_removed"


def test_the_app_itself_removes_it_at_once(api: Api, alice: SignedIn, totp: AuthenticatorApp) -> None:
    token = sign_in_with(api, alice.person, totp.code()).json["token"]

    assert api.send("DELETE", "/factors/totp", token=token).status_code == 204


def test_the_phone_removes_the_app_after_a_day(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    response = remove_app(api, alice)

    assert response.status_code == 202
    left = datetime.fromisoformat(response.json["effectiveAt"]) - clock.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(days=1)
    assert factors(api, alice)["totp"]["removalAt"] == response.json["effectiveAt"]
    assert templates(api, alice)[0] == "factor_removal_requested"
    time.advance(DAY - 120)
    assert carry_out(app) == 0
    assert sign_in_with(api, alice.person, totp.code()).status_code == 200
    time.advance(121)
    assert carry_out(app) == 1
    assert "totp" not in log_in(api, alice.person)["methods"]
    assert templates(api, alice)[0] == "factor_removed"


def test_after_its_time_the_app_does_not_work_even_if_the_worker_is_late(
    app: Flask, api: Api, sinch: Simulator, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    remove_app(api, alice)
    time.advance(DAY - 30)
    begun = log_in(api, alice.person)["challengeToken"]
    time.advance(31)

    assert sign_in_with(api, alice.person, totp.code(), challenge=begun).status_code in {401, 409}
    assert "totp" not in log_in(api, alice.person)["methods"]
    who = by_phone(api, sinch, alice.person, time)
    assert "totp" not in factors(api, who)
    anew, _ = enrol(api, who.token)
    time.advance(60)
    assert carry_out(app) == 0
    assert sign_in_with(api, alice.person, anew.code()).status_code == 200


def test_a_second_request_changes_no_time(api: Api, alice: SignedIn, totp: AuthenticatorApp, time: Time) -> None:
    first = remove_app(api, alice).json
    time.advance(300)

    second = remove_app(api, alice).json

    assert second == first
    assert templates(api, alice).count("factor_removal_requested") == 1


@pytest.mark.one_database
def test_another_factor_shortens_no_time(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    first = remove_app(api, alice).json

    passkeys.enrolled(api, by(app, api, alice, "otp"))

    assert factors(api, renew(api, alice))["totp"]["removalAt"] == first["effectiveAt"]


def test_the_link_of_the_notice_keeps_the_app(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    remove_app(api, alice)
    token = cancelling_token(api, alice)

    answers = at_once(10, lambda _: api.post("/factors/removals/cancel", {"token": token}).status_code)

    assert sorted(answers) == [200] + [401] * 9
    assert "removalAt" not in factors(api, alice)["totp"]
    time.advance(DAY + 1)
    assert carry_out(app) == 0
    assert sign_in_with(api, alice.person, totp.code()).status_code == 200


def test_any_session_of_the_owner_keeps_the_app_and_nobody_elses(
    app: Flask, api: Api, sinch: Simulator, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    id = remove_app(api, alice).json["removalId"]
    stranger = sign_in(api, sinch, make_person(app))["token"]
    assert api.send("DELETE", f"/factors/removals/{id}", token=stranger).json["code"] == "removal_not_found"

    assert api.send("DELETE", f"/factors/removals/{id}", token=alice.token).status_code == 204

    assert "removalAt" not in factors(api, alice)["totp"]
    assert templates(api, alice)[0] == "factor_removal_cancelled"


@pytest.mark.one_database
def test_what_is_in_force_cannot_be_cancelled(api: Api, alice: SignedIn, totp: AuthenticatorApp, time: Time) -> None:
    remove_app(api, alice)
    token = cancelling_token(api, alice)
    time.advance(DAY + 1)

    assert is_refused(api.post("/factors/removals/cancel", {"token": token}))


@pytest.mark.one_database
def test_a_reset_voids_what_an_intruder_asked_for(
    app: Flask, api: Api, sinch: Simulator, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    remove_app(api, alice)
    time.advance(COOLDOWN)
    code = reset_code(api, sinch, alice.person)
    second = {"method": "totp", "code": totp.code()}
    assert confirm_reset(api, alice.person.email, code, secondFactor=second).status_code == 204
    time.advance(DAY + 1)

    assert carry_out(app) == 0


def test_a_removal_that_takes_effect_ends_every_session(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    remove_app(api, alice)
    time.advance(DAY - 300)
    tokens = sign_in_with(api, alice.person, totp.code()).json
    time.advance(301)

    carry_out(app)

    assert api.get("/sessions", token=tokens["token"]).status_code == 401


def test_the_app_and_backup_codes_remove_a_passkey_after_a_day_and_a_passkey_at_once(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    passkeys.enrolled(api, by(app, api, alice, "otp"))
    id = factors(api, renew(api, alice))["webauthn"]["id"]
    path = f"/factors/webauthn/{id}"

    for amr in ("sms", "tel", "otp"):
        assert api.send("DELETE", path, token=by(app, api, alice, amr).token).status_code == 202
    assert "removalAt" in factors(api, alice)["webauthn"]

    assert api.send("DELETE", path, token=by(app, api, alice, "hwk").token).status_code == 204
    assert "webauthn" not in factors(api, renew(api, alice))


@pytest.mark.one_database
def test_a_passkey_does_not_sign_in_alone_after_the_time_of_its_removal(
    app: Flask, api: Api, alice: SignedIn, time: Time
) -> None:
    key = passkeys.enrolled(api, alice)
    id = factors(api, renew(api, alice))["webauthn"]["id"]
    assert api.send("DELETE", f"/factors/webauthn/{id}", token=alice.token).status_code == 202
    assert passkeys.passkey(api, key.get(passkeys.passkey_options(api))).status_code == 200
    time.advance(DAY - 30)
    options = passkeys.passkey_options(api)
    time.advance(31)

    assert passkeys.passkey(api, key.get(options)).status_code == 401


@pytest.mark.parametrize("path", ["/factors/webauthn/options", "/factors/backup-codes", "/factors/totp"])
@pytest.mark.one_database
def test_a_weaker_factor_adds_none(app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp, path: str) -> None:
    response = api.post(path, token=alice.token)

    assert (response.status_code, response.json["code"]) == (403, "step_up_required")
    assert response.json["methods"] == ["totp", "backup_code"]
    assert api.post(path, token=by(app, api, alice, "otp").token).status_code in {200, 201, 409}


@pytest.mark.one_database
def test_with_a_passkey_the_app_is_too_weak_to_add(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp
) -> None:
    passkeys.enrolled(api, by(app, api, alice, "otp"))

    response = api.post("/factors/backup-codes", token=by(app, api, alice, "otp").token)

    assert (response.status_code, response.json["methods"]) == (403, ["webauthn"])
    assert api.post("/factors/backup-codes", token=by(app, api, alice, "hwk").token).status_code == 201


@pytest.mark.one_database
def test_backup_codes_do_not_raise_what_is_required(api: Api, alice: SignedIn) -> None:
    assert api.post("/factors/backup-codes", token=alice.token).status_code == 201

    assert api.post("/factors/totp", token=alice.token).status_code == 200


@pytest.mark.one_database
def test_a_weaker_default_wants_a_sign_in_as_strong_as_the_present_one(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp
) -> None:
    def choose(method: str, who: SignedIn) -> Any:
        return api.send("PUT", "/factors/default", json={"method": method}, token=who.token)

    assert choose("totp", alice).status_code == 204
    refused = choose("sms", alice)
    assert (refused.status_code, refused.json["code"]) == (403, "step_up_required")
    assert refused.json["methods"] == ["totp", "backup_code"]

    assert choose("sms", by(app, api, alice, "otp")).status_code == 204


def test_without_a_delay_any_fresh_sign_in_removes_at_once(
    make_app: MakeApp, alice: SignedIn, totp: AuthenticatorApp
) -> None:
    assert remove_app(Api(make_app(FACTOR_REMOVAL_DELAY="0")), alice).status_code == 204


@pytest.fixture
def strong(app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp) -> SignedIn:
    """Alice with an app and a passkey, after a step-up by the passkey."""
    passkeys.enrolled(api, by(app, api, alice, "otp"))
    return by(app, api, alice, "hwk")


def test_with_two_stronger_factors_the_phone_is_switched_off_and_on(
    api: Api, sinch: Simulator, strong: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    time.advance(COOLDOWN)
    begun = log_in(api, strong.person)["challengeToken"]

    assert api.send("DELETE", "/factors/phone", token=strong.token).status_code == 204

    assert factors(api, renew(api, strong))["phone"]["enabled"] is False
    assert log_in(api, strong.person)["methods"] == ["totp", "webauthn", "backup_code"]
    for challenge in (begun, log_in(api, strong.person)["challengeToken"]):
        asked = api.post("/auth/request-otp", {"challengeToken": challenge})
        assert (asked.status_code, asked.json["code"]) == (409, "method_not_enrolled")
    assert api.post("/auth/step-up/request", {}, token=strong.token).status_code == 409
    assert api.post("/factors/phone", token=strong.token).status_code == 204
    assert factors(api, renew(api, strong))["phone"]["enabled"] is True
    assert "sms" in log_in(api, strong.person)["methods"]


@pytest.mark.one_database
def test_a_code_sent_before_the_phone_was_switched_off_signs_nobody_in(
    api: Api, sinch: Simulator, strong: SignedIn, time: Time
) -> None:
    time.advance(COOLDOWN)
    begun = api.post("/auth/login", strong.person.credentials).json["challengeToken"]
    api.post("/auth/request-otp", {"challengeToken": begun})
    body = {"challengeToken": begun, "otpCode": code_on_phone(sinch, strong.person)}

    assert api.send("DELETE", "/factors/phone", token=strong.token).status_code == 204

    assert "token" not in api.post("/auth/verify-otp", body).json


@pytest.mark.one_database
def test_with_one_stronger_factor_and_backup_codes_the_phone_stays(
    app: Flask, api: Api, alice: SignedIn, totp: AuthenticatorApp
) -> None:
    response = api.send("DELETE", "/factors/phone", token=by(app, api, alice, "otp").token)

    assert (response.status_code, response.json["code"]) == (409, "stronger_factors_missing")


@pytest.mark.parametrize("method", ["DELETE", "POST"])
@pytest.mark.one_database
def test_switching_the_phone_wants_the_strongest_factor(app: Flask, api: Api, strong: SignedIn, method: str) -> None:
    response = api.send(method, "/factors/phone", token=by(app, api, strong, "otp").token)

    assert (response.status_code, response.json["code"]) == (403, "step_up_required")
    assert response.json["methods"] == ["webauthn"]


@pytest.mark.one_database
def test_the_phone_counts_again_once_no_other_factor_is_left(
    app: Flask, api: Api, sinch: Simulator, strong: SignedIn, time: Time
) -> None:
    assert api.send("DELETE", "/factors/phone", token=strong.token).status_code == 204
    id = factors(api, renew(api, strong))["webauthn"]["id"]
    assert api.send("DELETE", f"/factors/webauthn/{id}", token=strong.token).status_code == 204
    assert api.send("DELETE", "/factors/totp", token=renew(api, strong).token).status_code == 204

    assert by_phone(api, sinch, strong.person, time).token


@pytest.mark.one_database
def test_a_reset_still_begins_with_the_number_and_wants_a_stronger_factor(
    api: Api, sinch: Simulator, strong: SignedIn, totp: AuthenticatorApp, time: Time
) -> None:
    assert api.send("DELETE", "/factors/phone", token=strong.token).status_code == 204
    time.advance(COOLDOWN)
    code = reset_code(api, sinch, strong.person)

    alone = confirm_reset(api, strong.person.email, code)

    assert (alone.status_code, alone.json["code"]) == (403, "second_factor_required")
    second = {"method": "totp", "code": totp.code()}
    assert confirm_reset(api, strong.person.email, code, PASSWORD + "x", secondFactor=second).status_code == 204


def test_an_export_shows_removals_without_their_tokens(api: Api, alice: SignedIn, totp: AuthenticatorApp) -> None:
    remove_app(api, alice)

    (removal,) = api.get("/account/export", token=alice.token).json["factorRemovals"]

    assert removal["kind"] == "totp"
    assert not any("token" in name.lower() for name in removal)


@pytest.mark.one_database
def test_each_factor_puts_a_value_of_its_own_strength_into_amr() -> None:
    amr = {"phone": ("sms",), "totp": ("otp",), "backup_codes": ("otp",), "webauthn": ("hwk", "user")}

    assert {factor.kind: of_sign_in(amr[factor.kind]) for factor in registry.FACTORS} == {
        factor.kind: factor.strength for factor in registry.FACTORS
    }
