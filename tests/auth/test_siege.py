"""Two days under a stranger with a hundred addresses, who knows an account's address and number (ADR 36).

The clock is moved by hand, so that two days take seconds. All limits are those of production.
"""

from dataclasses import dataclass, field

import pytest
from flask import Flask

from otp_service import outbox
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time, finish
from tests.factories import Person, code_on_phone, make_person, wrong_code
from tests.recovery.resets import ask
from tests.strangers import HOME, From, attempt, complete, stranger

MINUTE, HOUR = 60, 3_600
LIMITS = {"OTP_SENDS_PER_NUMBER_HOUR": "5", "OTP_SENDS_PER_NUMBER_DAY": "10"}
GUESSES_A_DAY = 5 + 96
"""Five at once, then one after each wait of 15 minutes."""

CODES_A_DAY = 6 * 10
"""Messages that strangers may cause, and the codes that they may try on each."""


@dataclass
class Siege:
    """What the strangers did so far, each time from another of their addresses."""

    app: Flask
    sinch: Simulator
    person: Person
    looked_at: int = 0
    codes_tried: int = 0
    _turn: int = field(default=0, init=False)

    def guess(self) -> None:
        """Try passwords until the account waits."""
        while attempt(self._next(), self.person, f"Wrong-Horse-{self._turn}").status_code == 401:
            self.looked_at += 1

    def spoil(self) -> None:
        """Use messages up, and try codes on the last one, by both ways that need no password."""
        email = self.person.email
        self._next().post("/auth/request-otp", {"email": email})
        ask(self._next(), email)
        self._next().post("/auth/known-device/request", {"email": email})
        inbox = self.sinch.inbox(self.person.phone_number)
        before = self.sinch.count("report")
        for number in range(1, 13):
            wrong = wrong_code(str(inbox[0]["code"]), number) if inbox else f"{number:04d}"
            self._next().post("/auth/verify-otp", {"email": email, "otpCode": wrong})
            body = {"email": email, "otpCode": wrong, "newPassword": "Another-Horse-8"}
            self._next().post("/auth/password-reset/confirm", body)
        self.codes_tried += self.sinch.count("report") - before

    def _next(self) -> From:
        self._turn += 1
        return stranger(self.app, self._turn % 100)


def proof_in_mailbox(app: Flask, person: Person) -> str:
    """The newest token that an e-mail brought, whoever asked for it."""
    finish(app)
    with app.app_context():
        sent = [one for one in outbox.read(limit=200) if one.template == "known_device"]
    return next(line for line in sent[0].message.text.splitlines() if line.startswith("kp_"))


def finish_on_phone(api: Api, sinch: Simulator, person: Person, begun: dict[str, str]) -> int:
    """Complete a sign-in with the code that it sent."""
    body = {"challengeToken": begun["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    return api.post("/auth/verify-otp", body).status_code


@pytest.fixture
def siege(make_app: MakeApp, sinch: Simulator) -> Siege:
    app = make_app(**LIMITS)
    return Siege(app, sinch, make_person(app, is_verified=True))


@pytest.mark.one_database  # the limits are counted by the same statements on both
def test_in_two_days_of_siege_the_owner_is_never_kept_out(siege: Siege, sinch: Simulator, time: Time) -> None:
    app, person = siege.app, siege.person
    token = complete(From(app, HOME), sinch, person)["knownDeviceToken"]
    time.advance(HOUR)

    for quarter in range(48 * 4):
        siege.guess()
        if quarter % 8 == 0:
            siege.spoil()
        if quarter % 48 == 12:  # twice a day, in the middle of an hour of siege
            assert attempt(From(app, f"198.51.100.{quarter}"), person, deviceToken=token).status_code == 200
            assert attempt(From(app, HOME), person).status_code == 200
        if quarter % 96 == 94:  # once a day, on a new device in a new network
            enter_by_email(siege, time, From(app, f"192.{quarter}.2.9"))
        time.advance(15 * MINUTE)

    # One day's allowance more than two: a window of 24 hours may begin in the middle of a day.
    assert siege.looked_at <= 3 * GUESSES_A_DAY
    assert siege.codes_tried <= 3 * CODES_A_DAY


def enter_by_email(siege: Siege, time: Time, device: From) -> None:
    """Sign in where the account knows nothing of the client: at first refused, then by the mailbox, at once."""
    refused = attempt(device, siege.person)
    assert (refused.status_code, refused.json["proveFirst"]) == (429, ["phone", "email"])
    device.post("/auth/known-device/request", {"email": siege.person.email})
    proof = proof_in_mailbox(siege.app, siege.person)
    assert device.post("/auth/known-device", {"token": proof}).status_code == 200

    time.advance(121)  # a stranger may just have taken the cooldown
    begun = attempt(device, siege.person)

    assert (begun.status_code, begun.json.get("otpError")) == (200, None)
    assert finish_on_phone(device, siege.sinch, siege.person, begun.json) == 200


def test_under_siege_the_phone_is_a_way_in_within_a_quarter_of_an_hour(
    siege: Siege, sinch: Simulator, time: Time
) -> None:
    """The strangers guess passwords and codes, and ask for no messages: those they would have to share."""
    app, person, device = siege.app, siege.person, From(siege.app, "192.0.2.99")
    for _ in range(8):
        siege.guess()
        for number in range(12):
            stranger(app, number).post("/auth/verify-otp", {"email": person.email, "otpCode": f"{number:04d}"})
        time.advance(15 * MINUTE)
    siege.guess()
    assert attempt(device, person).status_code == 429

    assert device.post("/auth/request-otp", {"email": person.email}).status_code == 200
    code = code_on_phone(sinch, person)
    for number in range(1, 13):
        body = {"email": person.email, "otpCode": wrong_code(code, number)}
        stranger(app, number).post("/auth/verify-otp", body)
    assert device.post("/auth/verify-otp", {"email": person.email, "otpCode": code}).status_code == 200
    time.advance(121)
    begun = attempt(device, person)

    assert begun.status_code == 200
    assert finish_on_phone(device, sinch, person, begun.json) == 200
