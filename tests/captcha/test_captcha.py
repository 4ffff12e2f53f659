"""The captcha: who needs one, what a token is worth, and what happens without a verdict."""

import logging
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from otp_service.captcha import checks_captcha
from otp_service.captcha.client import Verdict, _verdict
from otp_service.captcha.settings import OF_THE_SIMULATOR, SITEVERIFY, CaptchaSettings, Route
from otp_service.core.calls.errors import CallError, OutcomeUnknown, RateLimited, Refused
from otp_service.core.calls.exchange import Response
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.phone.codes import PhoneOwner
from otp_service.providers import Channel
from otp_service.simulator import Simulator
from otp_service.simulator.settings import DEMO_CAPTCHA_SECRET
from otp_service.verifications import Purpose, Recipient, find_destination
from otp_service.verifications.sending import _wanted
from otp_service.verifications.starting import Draft
from tests.api import Answer, Api
from tests.conftest import MakeApp
from tests.environments import PRODUCTION, load, refuse
from tests.factories import Person, make_person, new_details, new_number
from tests.parallel import at_once

EVERYWHERE = ",".join(Route)
NOWHERE = "http://127.0.0.1:9/siteverify"


def captcha_app(make_app: MakeApp, sinch: Simulator, **settings: str) -> Flask:
    return make_app(CAPTCHA_VERIFY_URL=f"{sinch.base_url}{SITEVERIFY}", OTP_COOLDOWN="0", **settings)


def requests_of(person: Person) -> list[tuple[str, dict[str, Any], int]]:
    """Each route that takes a captcha, with a body for it and the status of its success."""
    return [
        ("/auth/register", new_details(), 201),
        ("/auth/login", person.credentials, 200),
        ("/auth/request-otp", {"email": person.email}, 200),
        ("/auth/password-reset", {"email": person.email}, 202),
    ]


def solved(says: str = "") -> str:
    """A new token: as at the real services, each works once."""
    return f"pass-{uuid.uuid4()}?{says}"


def post_with(api: Api, token: str | None, path: str, body: dict[str, Any]) -> Answer:
    return api.post(path, body if token is None else {**body, "captchaToken": token})


def told(answer: Answer) -> tuple[int, str | None]:
    return answer.status_code, (answer.json or {}).get("code")


def test_where_it_is_required_only_a_solved_captcha_is_admitted(
    app: Flask, make_app: MakeApp, sinch: Simulator
) -> None:
    api, person = Api(captcha_app(make_app, sinch, CAPTCHA_REQUIRED_ON=EVERYWHERE)), make_person(app)

    for path, body, status in requests_of(person):
        assert told(post_with(api, None, path, body)) == (403, "captcha_required"), path
        assert told(post_with(api, "junk", path, body)) == (403, "captcha_failed"), path
        assert post_with(api, solved(), path, body).status_code == status, path


@pytest.mark.one_database
@pytest.mark.parametrize("token", [None, "junk"])
def test_without_a_captcha_an_account_and_none_look_alike(
    app: Flask, make_app: MakeApp, sinch: Simulator, token: str | None
) -> None:
    api, person = Api(captcha_app(make_app, sinch, CAPTCHA_REQUIRED_ON=EVERYWHERE)), make_person(app)
    unknown = Person(0, "unknown@example.com", "+14155550000")

    def responses(to: Person) -> list[dict[str, Any]]:
        bodies = [post_with(api, token, path, body).json for path, body, _ in requests_of(to)]
        return [{name: value for name, value in body.items() if name != "requestId"} for body in bodies]

    assert responses(person) == responses(unknown)
    assert sinch.count("start") == 0


@pytest.mark.one_database
def test_where_it_is_optional_a_token_is_checked_all_the_same(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(captcha_app(make_app, sinch)), make_person(app)

    assert post_with(api, None, "/auth/login", person.credentials).status_code == 200
    assert post_with(api, solved(), "/auth/login", person.credentials).status_code == 200
    assert told(post_with(api, "junk", "/auth/login", person.credentials)) == (403, "captcha_failed")


def test_of_parallel_requests_with_one_token_one_is_admitted(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(captcha_app(make_app, sinch, CAPTCHA_REQUIRED_ON="login")), make_person(app)
    token = solved("again=1")  # which the verifier accepts more than once

    answers = at_once(8, lambda _: post_with(api, token, "/auth/login", person.credentials))

    assert sorted(told(answer) for answer in answers) == [(200, None)] + [(403, "captcha_failed")] * 7
    elsewhere = post_with(api, token, "/auth/password-reset", {"email": person.email})
    assert told(elsewhere) == (403, "captcha_failed")


@pytest.mark.one_database
def test_a_solved_captcha_is_another_proof_for_the_fraud_guard(make_app: MakeApp, sinch: Simulator) -> None:
    @checks_captcha(Route.LOGIN)
    def has_other_proof(_: dict[str, Any], client: ClientInfo) -> bool:
        draft = Draft.of(find_destination(recipient.phone_number, Channel.SMS).steps[0])
        return _wanted(recipient, draft, "US", client).has_other_proof

    recipient = Recipient(PhoneOwner(1), new_number(), Purpose.PHONE_VERIFICATION)

    with captcha_app(make_app, sinch).test_request_context():
        proofs = [has_other_proof({"captcha_token": solved()}), has_other_proof({})]

    assert proofs == [True, False]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("settings", "accepted", "refused"),
    [
        ({"CAPTCHA_HOSTNAMES": "App.example.com"}, "hostname=app.example.com", "hostname=evil.example"),
        ({"CAPTCHA_CHECK_ACTION": "true"}, "action=login", "action=register"),
        ({"CAPTCHA_MIN_SCORE": "0.5"}, "score=0.5", "score=0.4"),
        ({"CAPTCHA_MIN_SCORE": "0.5"}, "score=1", "no=score"),
    ],
)
def test_a_token_must_say_what_the_operator_asks_for(
    app: Flask, make_app: MakeApp, sinch: Simulator, settings: dict[str, str], accepted: str, refused: str
) -> None:
    api, person = Api(captcha_app(make_app, sinch, **settings)), make_person(app)

    assert told(post_with(api, solved(refused), "/auth/login", person.credentials)) == (403, "captcha_failed")
    assert post_with(api, solved(accepted), "/auth/login", person.credentials).status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"CAPTCHA_REQUIRED_ON": "login"}, (503, "captcha_unavailable")),
        ({"CAPTCHA_REQUIRED_ON": "login", "CAPTCHA_WHEN_AWAY": "accept"}, (200, None)),
        ({}, (200, None)),
    ],
    ids=["required", "accepted when away", "optional"],
)
def test_while_the_verifier_is_away(
    app: Flask, make_app: MakeApp, settings: dict[str, str], expected: tuple[int, str | None]
) -> None:
    api, person = Api(make_app(CAPTCHA_VERIFY_URL=NOWHERE, **settings)), make_person(app)

    answer = post_with(api, solved(), "/auth/login", person.credentials)

    assert told(answer) == expected
    assert answer.status_code == 200 or int(answer.headers["Retry-After"]) >= 1


@pytest.mark.one_database
def test_a_wrong_secret_is_the_operators_fault_and_not_the_callers(
    app: Flask, make_app: MakeApp, sinch: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api(captcha_app(make_app, sinch, CAPTCHA_REQUIRED_ON="login", CAPTCHA_SECRET="Another-9-secret"))

    with caplog.at_level(logging.ERROR):
        answer = post_with(api, solved(), "/auth/login", make_person(app).credentials)

    assert told(answer) == (503, "captcha_unavailable")
    assert "captcha.misconfigured" in caplog.messages
    assert "Another-9-secret" not in caplog.text


@pytest.mark.one_database
def test_what_is_no_token_is_a_fault_of_the_field(api: Api) -> None:
    for token in ("", 7, ["pass"], "x" * 8_193):
        answer = api.post("/auth/password-reset", {"email": "a@example.com", "captchaToken": token})

        assert [fault["field"] for fault in answer.json["errors"]] == ["captchaToken"]


SAYS_MUCH = {"success": True, "hostname": "a.example", "action": "login", "score": Decimal("0.9"), "error-codes": []}


def test_a_response_of_the_verifier_is_a_verdict() -> None:
    spent = {"success": False, "error-codes": ["timeout-or-duplicate", "A B", 7]}

    assert _verdict(Response(200, SAYS_MUCH)) == Verdict(True, "a.example", "login", Decimal("0.9"), ())
    assert _verdict(Response(200, {"success": True})) == Verdict(True, None, None, None, ())
    assert _verdict(Response(200, spent)) == Verdict(False, None, None, None, ("timeout-or-duplicate",))
    for code in ("bad-request", "sitekey-secret-mismatch"):  # what a client can bring about counts as no fault of ours
        refused = Response(200, {"success": False, "error-codes": [code]})
        assert _verdict(refused) == Verdict(False, None, None, None, (code,))
    assert _verdict(Response(400, {"success": True})) == Verdict(False, None, None, None, ())


def test_any_other_response_is_no_verdict() -> None:
    responses: list[tuple[int, Any, type[CallError]]] = [
        (200, None, OutcomeUnknown),
        (200, {"success": "true"}, OutcomeUnknown),
        (200, {"success": 1}, OutcomeUnknown),
        (302, {"success": True}, OutcomeUnknown),
        (500, {}, OutcomeUnknown),
        (429, {"success": True}, RateLimited),
        (200, {"success": False, "error-codes": ["invalid-input-secret"]}, Refused),
        (200, {"success": False, "error-codes": ["internal-error"]}, OutcomeUnknown),
    ]

    for status, payload, error in responses:
        with pytest.raises(error):
            _verdict(Response(status, payload))


def test_the_settings_are_checked(tmp_path: Path) -> None:
    example = "https://captcha.example.com/siteverify"
    production = {**PRODUCTION, "CAPTCHA_REQUIRED_ON": "register"}

    faults = {
        "CAPTCHA_VERIFY_URL CAPTCHA_SECRET": {},
        "CAPTCHA_SECRET": {"CAPTCHA_VERIFY_URL": example, "CAPTCHA_SECRET": OF_THE_SIMULATOR},
        "CAPTCHA_VERIFY_URL": {"CAPTCHA_VERIFY_URL": "http://captcha.example.com", "CAPTCHA_SECRET": "x7-Real"},
        "CAPTCHA_REQUIRED_ON": {"CAPTCHA_REQUIRED_ON": "logout"},
        "CAPTCHA_MIN_SCORE": {"CAPTCHA_MIN_SCORE": "1.5"},
        "CAPTCHA_WHEN_AWAY": {"CAPTCHA_WHEN_AWAY": "maybe"},
    }

    whole = {"CAPTCHA_VERIFY_URL": example, "CAPTCHA_SECRET": "x7-Real"}
    for names, wrong in faults.items():
        base = production if names.startswith(("CAPTCHA_VERIFY", "CAPTCHA_SECRET")) else {**production, **whole}
        lines = refuse(tmp_path, **{**base, **wrong})
        assert {line.partition(":")[0] for line in lines} <= set(names.split()), names
        assert lines
    assert load(tmp_path, **production, **whole).of(CaptchaSettings).required_on == {Route.REGISTER}
    assert load(tmp_path, **PRODUCTION).of(CaptchaSettings).url is None


def test_the_simulator_verifies_in_development_without_any_setting(tmp_path: Path) -> None:
    settings = load(tmp_path, SIMULATOR_PORT="9999").of(CaptchaSettings)

    assert settings.url == f"http://127.0.0.1:9999{SITEVERIFY}"
    assert settings.secret == DEMO_CAPTCHA_SECRET
    assert not settings.required_on
