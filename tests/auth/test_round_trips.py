"""What a sign-in asks of the database: each statement is a round trip to a server that may be far away."""

from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factories import code_on_phone, log_in, make_person, sign_in
from tests.round_trips import listening

MOST_STATEMENTS = {"postgresql": 16, "sqlite": 34}
"""SQLite has no server, and takes one statement at a time: there, 5 begin a transaction and 12 cannot be sent along."""

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
