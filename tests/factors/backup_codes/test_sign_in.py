"""POST /auth/mfa/backup-code: each code works once, and its owner is notified."""

import threading
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import select

from otp_service import outbox
from otp_service.core.database.transactions import fetch_all
from otp_service.core.services import services_of
from otp_service.factors.backup_codes.models import BackupCode
from otp_service.factors.models import FactorThrottle
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, log_in, make_person, sign_in
from tests.parallel import ROUNDS, at_once
from tests.sessions.conftest import SignedIn
from tests.trail import factor_events, facts_of, notices

PATH = "/auth/mfa/backup-code"


def make_codes(api: Api, token: str) -> list[str]:
    response = api.post("/factors/backup-codes", token=token)
    assert response.status_code == 201, response.json
    return list(response.json["backupCodes"])


def use(api: Api, person: Person, code: Any, challenge: str | None = None) -> Any:
    token = challenge or log_in(api, person)["challengeToken"]
    return api.post(PATH, {"challengeToken": token, "code": code})


def wrong(code: str) -> str:
    """The same beginning, another secret."""
    return code[:-1] + ("2" if code[-1] != "2" else "3")


@pytest.fixture
def codes(api: Api, alice: SignedIn) -> list[str]:
    """Alice's codes."""
    return make_codes(api, alice.token)


def test_a_code_meets_the_challenge_once(app: Flask, api: Api, alice: SignedIn, codes: list[str]) -> None:
    response = use(api, alice.person, codes[3])
    assert response.status_code == 200, response.json
    claims = jwt.decode(response.json["token"], options={"verify_signature": False})
    assert (claims["amr"], claims["acr"]) == (["pwd", "otp"], "aal2")
    refused = use(api, alice.person, codes[3])
    assert (refused.status_code, refused.json["message"]) == (401, "Invalid or expired OTP code.")
    assert use(api, alice.person, codes[4]).status_code == 200


def test_each_of_the_ten_works_in_a_careless_spelling(api: Api, alice: SignedIn, codes: list[str]) -> None:
    for code in codes:
        assert use(api, alice.person, code.lower().replace("-", " ").replace("0", "o")).status_code == 200
    answer = log_in(api, alice.person)
    assert "backup_code" not in answer["methods"]


def test_the_user_is_notified_of_a_use_and_of_how_many_are_left(
    app: Flask, api: Api, alice: SignedIn, codes: list[str]
) -> None:
    assert "backup_code" in log_in(api, alice.person)["methods"]
    token = use(api, alice.person, codes[0]).json["token"]
    facts = facts_of(app, alice.person, "session.started")
    assert (facts["factor"], facts["remaining"]) == ("backup_codes", 9)
    assert notices(app, alice.person) == ["factor_added", "backup_code_used"]
    (listed,) = [one for one in api.get("/factors", token=token).json["factors"] if one["type"] == "backup_codes"]
    assert set(listed) == {"type", "createdAt", "lastUsedAt", "remaining"}
    assert (listed["remaining"], listed["lastUsedAt"] is not None) == (9, True)


def test_the_mail_warns_when_three_are_left(app: Flask, api: Api, alice: SignedIn, codes: list[str]) -> None:
    for code in codes[:7]:
        use(api, alice.person, code)
    with app.app_context():
        texts = [opened.message.text for opened in outbox.read(limit=20) if opened.template == "backup_code_used"]
    warned = [f"Codes left: {left}." for left in range(3, 10)]
    assert sorted(text.partition("Codes left")[2][:4] for text in texts) == sorted(one[10:14] for one in warned)
    assert [
        "Only a few are left" in text for text in sorted(texts, key=lambda text: text.partition("Codes left: ")[2])
    ] == [True] + [False] * 6


@pytest.mark.parametrize("code", ["", None, True, [], 7, "x" * 65, "７F3K-Q2MZ-X0VB-19CD"])
@pytest.mark.one_database
def test_what_is_no_text_of_a_code_is_400(api: Api, alice: SignedIn, codes: list[str], code: Any) -> None:
    assert use(api, alice.person, code).status_code == 400


def test_blanks_in_a_backup_code_do_not_count(api: Api, alice: SignedIn, codes: list[str]) -> None:
    response = use(api, alice.person, f"\u00a0{codes[0].replace('-', ' ')}\n")

    assert response.status_code == 200, response.json


def test_wrong_codes_of_any_form_are_401_and_spend_nothing(
    app: Flask, api: Api, alice: SignedIn, codes: list[str]
) -> None:
    challenge = log_in(api, alice.person)["challengeToken"]
    for text in (wrong(codes[0]), "ZZZZ-ZZZZ-ZZZZ-ZZZZ", "123456", "not a code", codes[0][:-1]):
        refused = use(api, alice.person, text, challenge)
        assert (refused.status_code, refused.json["code"]) == (401, "otp_invalid")
    assert factor_events(app, alice.person).count(("factor.refused", {"factor": "backup_codes"})) == 5
    assert use(api, alice.person, codes[0], challenge).status_code == 200


def test_fifteen_wrong_codes_in_an_hour_are_enough(api: Api, alice: SignedIn, codes: list[str], time: Time) -> None:
    challenge = log_in(api, alice.person)["challengeToken"]
    statuses = [use(api, alice.person, wrong(codes[0]), challenge).status_code for _ in range(16)]
    assert statuses == [401] * 15 + [429]
    assert use(api, alice.person, codes[0], challenge).status_code == 429
    time.advance(3_600)
    assert use(api, alice.person, codes[0]).status_code == 200


def test_another_persons_code_is_rejected_and_stays_valid(
    api: Api, alice: SignedIn, bob: SignedIn, codes: list[str]
) -> None:
    others = make_codes(api, bob.token)
    assert use(api, alice.person, others[0]).status_code == 401
    assert use(api, bob.person, others[0]).status_code == 200


def test_a_code_steps_a_session_up(api: Api, alice: SignedIn, codes: list[str]) -> None:
    body = {"password": PASSWORD, "method": "backup_code", "code": codes[0]}
    assert api.post("/auth/step-up", body, token=alice.token).status_code == 200
    assert api.post("/auth/step-up", body, token=alice.token).status_code == 401


def test_backup_codes_are_never_the_default(api: Api, alice: SignedIn, codes: list[str]) -> None:
    refused = api.send("PUT", "/factors/default", json={"method": "backup_code"}, token=alice.token)
    assert refused.status_code == 409


def test_the_database_holds_password_hashes_of_the_secret_part(
    app: Flask, api: Api, alice: SignedIn, codes: list[str]
) -> None:
    with app.app_context():
        rows = fetch_all(select(BackupCode.selector, BackupCode.code_hash))
    assert {row.selector for row in rows} == {code[:4] for code in codes}
    assert all(row.code_hash.startswith("$bcrypt-sha256$v=2,") for row in rows)
    assert len({row.code_hash for row in rows}) == 10


def test_a_busy_service_spends_neither_code_nor_try(
    app: Flask, make_app: MakeApp, alice: SignedIn, codes: list[str]
) -> None:
    busy = make_app(PASSWORD_HASH_CONCURRENCY="1", PASSWORD_HASH_WAIT_MS="10")
    api = Api(busy)
    token = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json[
        "token"
    ]  # the codes ended alice.token
    challenge = log_in(api, alice.person)["challengeToken"]
    held, done = threading.Event(), threading.Event()

    def keep_the_slot() -> None:
        with services_of(busy).hash_slots.hold():
            held.set()
            done.wait(30)

    thread = threading.Thread(target=keep_the_slot)
    thread.start()
    try:
        assert held.wait(30)
        answers = [use(api, alice.person, codes[0], challenge) for _ in range(20)]
        making = api.post("/factors/backup-codes", token=token)
    finally:
        done.set()
        thread.join()
    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(503, "overloaded")}
    assert making.status_code == 503
    with app.app_context():
        tries = fetch_all(select(FactorThrottle.in_window).where(FactorThrottle.authenticator == "backup_codes"))
    assert [row.in_window for row in tries] in ([], [0])
    assert use(api, alice.person, codes[0], challenge).status_code == 200


@pytest.mark.race
def test_of_parallel_uses_of_one_code_one_signs_in(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]
    for number in range(ROUNDS):
        if number % 10 == 0:
            codes = make_codes(api, token)
        challenges = [log_in(api, person)["challengeToken"] for _ in range(2)]
        code = codes[number % 10]
        answers = at_once(20, lambda one: use(api, person, code, challenges[one % 2]).status_code)
        assert answers.count(200) == 1, answers
        assert set(answers) <= {200, 401, 429}
