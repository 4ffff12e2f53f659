"""Every limit and block leaves a line that says what happened, where from, in which request, and to whom if known."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from otp_service.audit import COMMAND_LINE
from otp_service.audit.models import AuditEvent
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.factors import throttle
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import Person, code_on_phone, log_in, make_person, wrong_code

pytestmark = pytest.mark.one_database

FROM: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}, "headers": {"X-Request-ID": "told"}}
Refuse = Callable[[Api, Person, Simulator], Any]


def wait_after_passwords(api: Api, person: Person, sinch: Simulator) -> Any:
    wrong = {**person.credentials, "password": "Wrong-Horse-7"}
    return [api.post("/auth/login", wrong, **FROM) for _ in range(6)][-1]


def cooldown(api: Api, person: Person, sinch: Simulator) -> Any:
    return [api.post("/auth/request-otp", {"email": person.email}, **FROM) for _ in range(2)][-1]


def too_many_codes(api: Api, person: Person, sinch: Simulator) -> Any:
    api.post("/auth/request-otp", {"email": person.email})
    body = {"email": person.email, "otpCode": wrong_code(code_on_phone(sinch, person))}
    return [api.post("/auth/verify-otp", body, **FROM) for _ in range(6)][-1]


def disabled(api: Api, person: Person, sinch: Simulator) -> Any:
    with api.app.app_context(), transaction():
        for _ in range(100):
            throttle.take(person.id, "phone", client=COMMAND_LINE, now=clock.now(), per_hour=1_000)
    return api.post("/auth/request-otp", {"challengeToken": log_in(api, person)["challengeToken"]}, **FROM)


@pytest.mark.parametrize(
    ("refuse", "code"),
    [
        (wait_after_passwords, "account_locked"),
        (cooldown, "otp_cooldown"),
        (too_many_codes, "too_many_attempts"),
        (disabled, "authenticator_disabled"),
    ],
)
def test_a_refusal_names_code_address_request_and_user(
    app: Flask, make_app: MakeApp, sinch: Simulator, capfd: pytest.CaptureFixture[str], refuse: Refuse, code: str
) -> None:
    api, person = Api(make_app(LOG_LEVEL="INFO")), make_person(app)
    assert refuse(api, person, sinch).json["code"] == code
    told = [line for line in lines(capfd) if line["event"] == "request.refused"][-1]
    assert {name: told[name] for name in ("code", "ip", "requestId", "userId")} == {
        "code": code, "ip": "192.0.2.7", "requestId": "told", "userId": person.id,
    }  # fmt: skip


def test_a_login_whose_code_is_refused_says_so(
    app: Flask, make_app: MakeApp, sinch: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    api, person = Api(make_app(LOG_LEVEL="INFO")), make_person(app)
    log_in(api, person)
    api.post("/auth/login", person.credentials, **FROM)
    (told,) = [line for line in lines(capfd) if line["event"] == "otp.not_sent"]
    assert (told["code"], told["ip"], told["userId"]) == ("otp_cooldown", "192.0.2.7", person.id)


def test_a_limit_per_address_names_it(make_app: MakeApp, capfd: pytest.CaptureFixture[str]) -> None:
    api = Api(make_app(LOG_LEVEL="INFO", RATE_LIMITS_ENABLED="true", RATE_LIMIT_MAX_REQUESTS="1"))
    for _ in range(2):
        api.get("/profile", **FROM)
    (told,) = [line for line in lines(capfd) if line["event"] == "limit.reached"]
    assert (told["ip"], told["requestId"]) == ("192.0.2.7", "told")


def test_what_a_limit_refuses_fills_no_table(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    for refuse in (wait_after_passwords, cooldown):
        refuse(api, person, sinch)
        before = audited(app)
        refuse(api, person, sinch)
        assert audited(app) == before


def test_each_line_of_a_request_names_its_own_user(
    app: Flask, make_app: MakeApp, capfd: pytest.CaptureFixture[str]
) -> None:
    api, people = Api(make_app(LOG_LEVEL="INFO")), [make_person(app) for _ in range(2)]
    lines(capfd)
    for person in people:
        log_in(api, person)
    api.get("//health/../nowhere")
    assert [line.get("userId") for line in lines(capfd) if line["event"] == "request"] == [
        people[0].id, people[1].id, None,
    ]  # fmt: skip


def audited(app: Flask) -> int:
    with app.app_context():
        return int(fetch_all(select(func.count()).select_from(AuditEvent))[0][0])


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What the service wrote since the last call."""
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]
