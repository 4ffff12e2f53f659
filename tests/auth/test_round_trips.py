"""What a sign-in, and a backend's verification, ask of the database: each statement is a round trip to a server."""

from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.backends.verifications.shops import Shop, code_at
from tests.codes import request_code, verify
from tests.conftest import Time
from tests.factories import code_on_phone, log_in, make_person, new_number, sign_in
from tests.round_trips import listening

MOST_STATEMENTS = {"postgresql": 17, "sqlite": 37}
"""SQLite has no server, and takes one statement at a time: there, 5 begin a transaction and 15 cannot be sent along."""

MOST_COMMITS = 5


def test_a_sign_in_by_password_and_code_takes_few_statements(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    sign_in(api, sinch, person)
    time.advance(300)
    api = Api(app)

    with listening(app) as asked:
        challenge = log_in(api, person)["challengeToken"]
        body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
        answer = api.post("/auth/verify-otp", body)

    assert answer.status_code == 200
    assert len(asked.statements) <= MOST_STATEMENTS[asked.database], "\n".join(asked.statements)
    assert asked.commits <= MOST_COMMITS


def test_a_backends_verification_takes_hardly_more_statements_than_a_persons(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person, number, shop = make_person(app), new_number(), Shop(app)
    shop.get("/verifications")  # notes that the key was used, once a minute

    with listening(app) as sent:
        request_code(api, person)
    with listening(app) as started:
        verification_id = shop.started(number)["id"]
    with listening(app) as verified:
        assert verify(api, person, code_on_phone(sinch, person)).status == 200
    with listening(app) as checked:
        assert shop.check(verification_id, code_at(sinch, number)).status_code == 200

    assert len(started.statements) <= len(sent.statements) + 1, "\n".join(started.statements)
    assert started.commits <= sent.commits
    assert len(checked.statements) <= 1.3 * len(verified.statements), "\n".join(checked.statements)
