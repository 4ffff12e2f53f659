"""POST /factors/totp, POST /factors/totp/confirm, DELETE /factors/totp."""

import base64
import threading
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.core.services import services_of
from otp_service.factors.totp.models import TotpAuthenticator
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import log_in, make_person, sign_in
from tests.factors.totp.authenticator import AuthenticatorApp, begin, confirm, enrol, sign_in_with
from tests.parallel import at_once
from tests.sessions.conftest import SignedIn, refreshed
from tests.trail import factor_events, notices

ELEVEN_MINUTES = 660

pytestmark = pytest.mark.usefixtures("time")  # before anybody signs in or enrols


def enrolled(api: Api, signed_in: SignedIn) -> list[str]:
    return [factor["type"] for factor in api.get("/factors", token=signed_in.token).json["factors"]]


def test_the_app_is_given_a_secret_in_three_forms(api: Api, alice: SignedIn) -> None:
    response = api.post("/factors/totp", token=alice.token)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json) == {"secret", "uri", "qrCode"}
    assert len(base64.b32decode(response.json["secret"])) == 20
    uri = urlsplit(response.json["uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/OTP Service:{alice.person.email}")
    assert parse_qs(uri.query)["secret"] == [response.json["secret"]]
    assert response.json["qrCode"].startswith("data:image/svg+xml")


def test_the_issuer_is_the_name_of_the_service(make_app: MakeApp, alice: SignedIn) -> None:
    api = Api(make_app(MAIL_FROM='"Grün & Söhne: Bank" <no-reply@example.com>'))
    uri = urlsplit(api.post("/factors/totp", token=alice.token).json["uri"])
    assert parse_qs(uri.query)["issuer"] == ["Grün & Söhne: Bank"]
    assert uri.path.count(":") == 1
    assert unquote(uri.path).startswith("/Grün & Söhne: Bank:")


def test_the_first_code_adds_the_app_and_brings_backup_codes(app: Flask, api: Api, alice: SignedIn) -> None:
    _, codes = enrol(api, alice.token)
    assert len(set(codes)) == 10
    listed = api.get("/factors", token=alice.token).json["factors"]
    assert [one["type"] for one in listed] == ["phone", "totp", "backup_codes"]
    assert set(listed[1]) == {"type", "createdAt", "lastUsedAt"}
    assert (listed[1]["lastUsedAt"], listed[2]["remaining"]) == (None, 10)
    assert factor_events(app, alice.person) == [
        ("factor.added", {"factor": "totp"}),
        ("factor.added", {"factor": "backup_codes"}),
    ]
    assert notices(app, alice.person) == ["factor_added"]


def test_until_it_is_confirmed_the_app_counts_for_nothing(api: Api, alice: SignedIn, time: Time) -> None:
    authenticator = begin(api, alice.token)
    time.advance(120)
    assert enrolled(api, alice) == ["phone"]
    assert "totp" not in log_in(api, alice.person)["methods"]
    assert sign_in_with(api, alice.person, authenticator.code()).status_code == 401


def test_backup_codes_come_once(api: Api, alice: SignedIn) -> None:
    _, codes = enrol(api, alice.token)
    assert api.send("DELETE", "/factors/totp", token=alice.token).status_code == 204
    _, none = enrol(api, refreshed(api, alice.refresh_token)["token"])
    assert (len(codes), none) == (10, [])


def test_a_second_enrolment_replaces_the_first_while_that_is_not_confirmed(api: Api, alice: SignedIn) -> None:
    first, second = begin(api, alice.token), begin(api, alice.token)
    assert first.secret != second.secret
    assert confirm(api, alice.token, first.code()).status_code == 401
    assert confirm(api, alice.token, second.code()).status_code == 200


def test_a_user_has_one_app(api: Api, alice: SignedIn, time: Time) -> None:
    authenticator, _ = enrol(api, alice.token)
    for refused in (api.post("/factors/totp", token=alice.token), confirm(api, alice.token, authenticator.code())):
        assert (refused.status_code, refused.json["code"]) == (409, "factor_exists")
    time.advance(60)
    assert sign_in_with(api, alice.person, authenticator.code()).status_code == 200


def test_confirming_what_was_not_begun_is_404_and_changes_nothing(app: Flask, api: Api, alice: SignedIn) -> None:
    refused = confirm(api, alice.token, "123456")
    assert (refused.status_code, refused.json["code"]) == (404, "factor_not_found")
    assert (enrolled(api, alice), factor_events(app, alice.person)) == (["phone"], [])


def test_another_persons_code_confirms_nothing(api: Api, alice: SignedIn, bob: SignedIn) -> None:
    begin(api, alice.token)
    others = begin(api, bob.token)
    assert confirm(api, alice.token, others.code()).status_code == 401
    assert enrolled(api, alice) == ["phone"]


def test_a_wrong_first_code_is_401_is_recorded_and_may_be_tried_again(app: Flask, api: Api, alice: SignedIn) -> None:
    authenticator = begin(api, alice.token)
    refused = confirm(api, alice.token, authenticator.wrong_code())
    assert (refused.status_code, refused.json["code"]) == (401, "otp_invalid")
    assert factor_events(app, alice.person) == [("factor.refused", {"factor": "totp"})]
    assert confirm(api, alice.token, authenticator.code()).status_code == 200


def test_fifteen_wrong_first_codes_in_an_hour_are_enough(api: Api, alice: SignedIn) -> None:
    authenticator = begin(api, alice.token)
    answers = [confirm(api, alice.token, authenticator.wrong_code()).status_code for _ in range(16)]
    assert answers == [401] * 15 + [429]
    refused = confirm(api, alice.token, authenticator.code())
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_attempts")


@pytest.mark.parametrize("code", ["", None, True, [], 123456, "12345", "1234567", "１２３４５６", "12345a"])
@pytest.mark.one_database
def test_what_is_no_code_is_400(api: Api, alice: SignedIn, code: Any) -> None:
    begin(api, alice.token)
    refused = confirm(api, alice.token, code)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (400, "code")


def test_full_width_digits_of_the_right_code_are_400(api: Api, alice: SignedIn) -> None:
    right = begin(api, alice.token).code()
    assert confirm(api, alice.token, right.translate({48 + n: 0xFF10 + n for n in range(10)})).status_code == 400


def test_an_enrolment_can_be_confirmed_for_a_day(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    authenticator = begin(api, sign_in(api, sinch, person)["token"])
    time.advance(86_400)
    refused = confirm(api, sign_in(api, sinch, person)["token"], authenticator.code())
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/factors/totp"), ("POST", "/factors/totp/confirm"), ("DELETE", "/factors/totp")]
)
def test_changes_want_a_fresh_sign_in(api: Api, alice: SignedIn, time: Time, method: str, path: str) -> None:
    body: dict[str, Any] = {"json": {"code": "123456"}} if path.endswith("confirm") else {}
    assert api.send(method, path, **body).status_code == 401
    time.advance(ELEVEN_MINUTES)
    token = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json["token"]
    refused = api.send(method, path, token=token, **body)
    assert (refused.status_code, refused.json["code"]) == (403, "step_up_required")


def test_a_removed_app_is_rejected_and_its_owner_is_notified(app: Flask, api: Api, alice: SignedIn, time: Time) -> None:
    authenticator, _ = enrol(api, alice.token)
    assert api.send("PUT", "/factors/default", json={"method": "totp"}, token=alice.token).status_code == 204
    response = api.send("DELETE", "/factors/totp", token=alice.token)
    assert (response.status_code, response.data) == (204, b"")
    assert factor_events(app, alice.person)[-1] == ("factor.removed", {"factor": "totp"})
    assert notices(app, alice.person) == ["factor_added", "factor_removed"]
    token = refreshed(api, alice.refresh_token)["token"]
    assert api.get("/factors", token=token).json["defaultMethod"] == "sms"
    time.advance(120)
    assert sign_in_with(api, alice.person, authenticator.code()).status_code == 401


def test_removing_what_is_not_there_is_404(app: Flask, api: Api, alice: SignedIn) -> None:
    assert api.send("DELETE", "/factors/totp", token=alice.token).status_code == 404
    authenticator = begin(api, alice.token)
    assert api.send("DELETE", "/factors/totp", token=alice.token).status_code == 404
    assert confirm(api, alice.token, authenticator.code()).status_code == 200


def test_the_database_does_not_hold_the_secret(app: Flask, api: Api, alice: SignedIn) -> None:
    authenticator = begin(api, alice.token)
    with app.app_context():
        (row,) = fetch_all(select(TotpAuthenticator.secret))
    raw = base64.b32decode(authenticator.secret)
    assert authenticator.secret not in row.secret
    assert raw not in base64.urlsafe_b64decode(row.secret.partition(".")[2] + "==")


def test_of_parallel_confirmations_one_adds_the_app(app: Flask, api: Api, alice: SignedIn) -> None:
    code = begin(api, alice.token).code()
    answers = at_once(10, lambda _: confirm(api, alice.token, code))
    assert sorted(answer.status_code for answer in answers)[:2][0] == 200
    assert [len(answer.json["backupCodes"]) for answer in answers if answer.status_code == 200] == [10]
    assert {answer.status_code for answer in answers} <= {200, 404, 409}
    assert factor_events(app, alice.person).count(("factor.added", {"factor": "totp"})) == 1


def test_of_parallel_enrolments_one_secret_counts(app: Flask, api: Api, alice: SignedIn) -> None:
    answers = at_once(10, lambda _: api.post("/factors/totp", token=alice.token))
    assert {answer.status_code for answer in answers} == {200}
    apps = [AuthenticatorApp(answer.json["secret"]) for answer in answers]
    with app.app_context():
        assert len(fetch_all(select(TotpAuthenticator.id))) == 1
    assert [confirm(api, alice.token, one.code()).status_code for one in apps].count(200) == 1


def test_a_busy_service_spends_no_first_code(make_app: MakeApp, alice: SignedIn) -> None:
    busy = make_app(PASSWORD_HASH_CONCURRENCY="1", PASSWORD_HASH_WAIT_MS="10")
    api = Api(busy)
    authenticator = begin(api, alice.token)
    held, done = threading.Event(), threading.Event()

    def keep_the_slot() -> None:
        with services_of(busy).hash_slots.hold():
            held.set()
            done.wait(30)

    thread = threading.Thread(target=keep_the_slot)
    thread.start()
    try:
        assert held.wait(30)
        answers = [confirm(api, alice.token, authenticator.code()) for _ in range(16)]
    finally:
        done.set()
        thread.join()
    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(503, "overloaded")}
    assert enrolled(api, alice) == ["phone"]
    assert len(confirm(api, alice.token, authenticator.code()).json["backupCodes"]) == 10
