"""A user that an operator locks is signed out immediately, whatever is in progress."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask

from otp_service.accounts import users
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import PASSWORD, Person, code_on_phone, log_in, make_person, sign_in
from tests.parallel import at_once
from tests.waiting import wait_until


def lock(app: Flask, person: Person) -> None:
    with app.app_context():
        users.lock(person.id)


def test_a_lock_refuses_tokens_challenges_codes_and_passwords(app: Flask, api: Api, sinch: Simulator) -> None:
    person, held = make_person(app), make_person(app)
    token = sign_in(api, sinch, held)["token"]
    challenge = log_in(api, person)["challengeToken"]
    lock(app, person)
    lock(app, held)
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert api.get("/profile", token=token).status_code == 401
    assert api.post("/auth/verify-otp", body).status_code == 401
    assert api.post("/auth/request-otp", {"challengeToken": challenge}).status_code == 401
    assert api.post("/auth/request-otp", {"email": person.email}).status_code == 404
    assert api.post("/auth/login", person.credentials).status_code == 401


def test_a_lock_while_the_code_is_being_checked_opens_no_session(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    body = {"challengeToken": log_in(api, person)["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    sinch.set_fault("stall", "report", seconds=60)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(api.post("/auth/verify-otp", body)))
    thread.start()
    wait_until(lambda: sinch.count("report") == 1)
    lock(app, person)
    sinch.clear_faults()
    thread.join()
    assert (answers[0].status_code, answers[0].json["message"]) == (401, "Invalid or expired token.")


def test_of_a_lock_and_a_sign_in_at_once_no_session_outlives_the_lock(app: Flask, make_app: MakeApp) -> None:
    api = Api(make_app(MFA_POLICY="enrolment"))
    for _ in range(20):
        person = make_person(app, is_verified=True)
        acts: list[Callable[[], Any]] = [
            lambda: api.post("/auth/login", {"email": person.email, "password": PASSWORD}),
            lambda: lock(app, person),
        ]
        answer, _ = at_once(2, lambda number: acts[number]())
        assert answer.status_code in {200, 401}
        if answer.status_code == 200:
            assert api.get("/profile", token=answer.json["token"]).status_code == 401


def test_unlocking_lets_the_person_in_again(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    lock(app, person)
    with app.app_context():
        users.unlock(person.id)
    assert sign_in(api, sinch, person)["userId"] == person.id


def test_unlocking_ends_the_wait_after_wrong_passwords(app: Flask, api: Api) -> None:
    person = make_person(app)
    wrong = {"email": person.email, "password": "Wrong-Horse-7"}
    assert [api.post("/auth/login", wrong).status_code for _ in range(6)][-1] == 429
    with app.app_context():
        users.unlock(person.id)
    assert api.post("/auth/login", person.credentials).status_code == 200
