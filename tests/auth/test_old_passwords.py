"""A new password voids what the old one led to, or is just leading to."""

import threading
from typing import Any

from flask import Flask

from otp_service.accounts import users
from otp_service.core import clock
from otp_service.core.crypto import hashing
from otp_service.core.database.transactions import transaction
from otp_service.core.services import services_of
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import QUICK_HASH_COST, Person, code_on_phone, log_in, make_person
from tests.waiting import wait_until

ONE_HASH = {"PASSWORD_HASH_CONCURRENCY": "1", "OTP_COOLDOWN": "0"}


def change_password(app: Flask, person: Person) -> None:
    with app.app_context(), transaction():
        changed = hashing.hash_password("Another-Horse-8", cost=QUICK_HASH_COST)
        users.set_password_hash(person.id, changed, now=clock.now())


def answer_of_a_login_that_a_change_overtakes(app: Flask, person: Person) -> Any:
    """The login has read the old hash and waits for its turn to hash, while another password is set."""
    answers: list[Any] = []
    slots = services_of(app).hash_slots
    thread = threading.Thread(target=lambda: answers.append(Api(app).post("/auth/login", person.credentials)))
    with slots.hold():
        thread.start()
        wait_until(lambda: slots.waiting)
        change_password(app, person)
    thread.join()
    return answers[0]


def test_a_challenge_dies_with_the_password_that_earned_it(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    challenge = log_in(api, person)["challengeToken"]
    change_password(app, person)
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 401
    assert api.post("/auth/request-otp", {"challengeToken": challenge}).status_code == 401


def test_a_login_that_a_change_of_password_overtakes_earns_a_dead_challenge(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(**ONE_HASH)
    person = make_person(app)
    answer = answer_of_a_login_that_a_change_overtakes(app, person)
    if answer.status_code == 200:
        body = {"challengeToken": answer.json["challengeToken"], "otpCode": code_on_phone(sinch, person)}
        answer = Api(app).post("/auth/verify-otp", body)
    assert answer.status_code == 401


def test_where_no_second_factor_is_due_such_a_login_opens_no_session(make_app: MakeApp) -> None:
    app = make_app(**ONE_HASH, MFA_POLICY="enrolment")
    person = make_person(app, is_verified=True)
    assert answer_of_a_login_that_a_change_overtakes(app, person).status_code == 401
