"""What is forgotten, and when."""

import json

import pytest
from flask import Flask
from sqlalchemy import func, select

from otp_service.accounts.models import AccountLink, LoginThrottle, User
from otp_service.audit import COMMAND_LINE
from otp_service.auth.models import Challenge
from otp_service.core import clock
from otp_service.core.allowances import Counter
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.extensions import Base
from otp_service.factors import trusted_devices
from otp_service.factors.totp.models import TotpAuthenticator
from otp_service.factors.trusted_devices.models import TrustedDevice
from otp_service.factors.webauthn import challenges as webauthn_challenges
from otp_service.factors.webauthn.challenges import Scope
from otp_service.factors.webauthn.models import WebAuthnChallenge
from otp_service.jobs import retention
from otp_service.sessions.models import Session
from otp_service.simulator import Simulator
from otp_service.verifications import sweeping
from otp_service.verifications.models import Verification, VerificationAttempt
from otp_service.verifications.states import Purpose
from tests.api import Api
from tests.conftest import Time
from tests.factories import make_person, new_details, sign_in

DAY = 86_400
KEPT_DAYS: dict[type[Base], int] = {
    User: 1,
    LoginThrottle: 1,
    Challenge: 1,
    TotpAuthenticator: 1,
    Counter: 2,
    AccountLink: 8,
    TrustedDevice: 37,
    WebAuthnChallenge: 1,
    Session: 60,
    VerificationAttempt: 90,
    Verification: 90,
}


def rows(app: Flask, model: type[Base]) -> int:
    with app.app_context():
        return int(fetch_all(select(func.count()).select_from(model))[0][0])


def run(app: Flask) -> None:
    with app.app_context():
        sweeping.sweep()
        retention.run()


def live(app: Flask, api: Api, sinch: Simulator) -> None:
    """Leave a row of every kind but a registration that nobody proves: what is its own goes with it."""
    person = make_person(app, is_verified=True)
    api.post("/factors/totp", token=sign_in(api, sinch, person)["token"])
    with app.app_context(), transaction():
        trusted_devices.remember(person.id, client=COMMAND_LINE, now=clock.now())
    api.post("/auth/login", {"email": "nobody@example.com", "password": "x"})
    app.test_cli_runner().invoke(args=["users", "set-password-link", person.email])
    with app.app_context():
        webauthn_challenges.issue(Scope(Purpose.ENROLMENT, person.id), now=clock.now())


@pytest.mark.parametrize("model", KEPT_DAYS, ids=lambda model: model.__tablename__)
@pytest.mark.each_case
def test_rows_are_kept_for_their_time_and_then_forgotten(
    app: Flask, api: Api, sinch: Simulator, time: Time, model: type[Base]
) -> None:
    live(app, api, sinch)
    if model is User:
        api.post("/auth/register", new_details())
    before = rows(app, model)
    time.advance(KEPT_DAYS[model] * DAY - 3_600)
    run(app)
    assert rows(app, model) == before
    time.advance(7_200)
    run(app)
    assert rows(app, model) < before


def test_people_who_proved_their_number_stay(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    live(app, api, sinch)
    time.advance(400 * DAY)
    run(app)
    assert rows(app, User) == 1


def test_the_command_tells_what_was_forgotten(app: Flask, api: Api, time: Time) -> None:
    api.post("/auth/register", new_details())
    time.advance(DAY + 1)
    result = app.test_cli_runner().invoke(args=["retention", "run", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["unproven registrations"] == 1
    assert "kept for 90 days" in app.test_cli_runner().invoke(args=["retention", "run"]).stdout
