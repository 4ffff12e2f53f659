"""Brute force through every door: no new code, channel, name, address or parallel try adds to the documented number.

docs/security.md has the numbers. `tests/crash` kills processes between a try and its count.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, islice

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.backends.verifications.shops import Shop
from tests.conftest import MakeApp, Time, finish
from tests.factories import Person, log_in, make_person, new_number, sign_in
from tests.factors.totp.authenticator import enrol
from tests.parallel import at_once
from tests.servers.valkey import ValkeyServer
from tests.strangers import stranger

BURSTS, AT_ONCE = 4, 6
FAST = {"OTP_COOLDOWN": "0"}


@dataclass
class Attack:
    """An attacker with many addresses, who has a new code sent by the next channel before each burst of tries."""

    app: Flask
    person: Person
    _turn: Iterator[int] = field(default_factory=count)
    _channels: Iterator[str] = field(default_factory=lambda: cycle(["sms", "callout", "whatsapp"]))

    def post(self, path: str, body: dict[str, str]) -> Answer:
        """Send a request from an address that was not used before."""
        return stranger(self.app, next(self._turn)).post(path, body)

    def new_code(self, name: dict[str, str]) -> None:
        """Ask for a code."""
        self.post("/auth/request-otp", {**name, "channel": next(self._channels)})

    def wrong(self) -> str:
        """A code that is on no phone: the simulator makes four digits, or six for a call."""
        return f"{next(self._turn) % 100_000:05d}"

    def challenge(self) -> dict[str, str]:
        """What the stolen password earns."""
        begun = log_in(stranger(self.app, next(self._turn)), self.person)
        return {"challengeToken": begun["challengeToken"]}


Guess = Callable[[], Answer]
Door = Callable[[Attack], Guess]


def with_the_password(attack: Attack) -> Guess:
    name = attack.challenge()
    attack.new_code(name)
    return lambda: attack.post("/auth/verify-otp", {**name, "otpCode": attack.wrong()})


def by_name(attack: Attack) -> Guess:
    spelled = f"+1 (415) 555-{attack.person.phone_number[-4:]}"
    names = cycle([{"email": attack.person.email.upper()}, {"phoneNumber": spelled}, {"email": attack.person.email}])
    attack.new_code(next(names))
    return lambda: attack.post("/auth/verify-otp", {**next(names), "otpCode": attack.wrong()})


def by_reset(attack: Attack) -> Guess:
    attack.post("/auth/password-reset", {"email": attack.person.email})
    finish(attack.app)
    body = {"email": attack.person.email, "newPassword": "Another-Horse-8"}
    return lambda: attack.post("/auth/password-reset/confirm", {**body, "otpCode": attack.wrong()})


def in_turn(*doors: Guess) -> Guess:
    """Each try by the next of several doors."""
    turns = cycle(doors)

    def guess() -> Answer:
        door = next(turns)
        return door()

    return guess


def storm(attack: Attack, *doors: Door, bursts: int = BURSTS) -> list[Answer]:
    """Bursts of parallel tries, each after a new code and by the next door; all answers."""
    answers = []
    for door in islice(cycle(doors), bursts):
        guess = door(attack)
        answers += at_once(AT_ONCE, lambda _, guess=guess: guess())  # type: ignore[misc]
    return answers


def evaluated(answers: list[Answer]) -> int:
    """The tries that were compared: the others get 429."""
    return sum(answer.json["code"] in {"otp_invalid", "invalid_credentials"} for answer in answers)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("doors", "an_hour"),
    [((with_the_password,), 15), ((by_name,), 10), ((by_reset,), 10), ((with_the_password, by_name, by_reset), 15)],
    ids=["password", "name", "reset", "all"],
)
def test_of_codes_on_the_phone_so_many_are_compared_in_an_hour(
    make_app: MakeApp, sinch: Simulator, time: Time, doors: tuple[Door, ...], an_hour: int
) -> None:
    app = make_app(**FAST)
    attack = Attack(app, make_person(app, is_verified=True))

    storm(attack, *doors)
    first_hour = sinch.count("report")
    time.advance(3_900)
    doors[0](attack)()

    assert (first_hour, sinch.count("report")) == (an_hour, an_hour + 1)


@pytest.mark.one_database
def test_of_codes_of_an_app_and_backup_codes_fifteen_each_are_compared_in_an_hour(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(**FAST)
    owner, person = Api(app), make_person(app)
    session = sign_in(owner, sinch, person)
    authenticator, _ = enrol(owner, session["token"])
    attack = Attack(app, person)

    def totp(attack: Attack) -> Guess:
        name = attack.challenge()
        step_up = {"password": person.password, "method": "totp", "code": authenticator.wrong_code()}
        return in_turn(
            lambda: attack.post("/auth/mfa/totp", {**name, "code": authenticator.wrong_code()}),
            lambda: owner.post("/auth/step-up", step_up, token=session["token"]),
        )

    def backup_code(attack: Attack) -> Guess:
        name = attack.challenge()
        return lambda: attack.post("/auth/mfa/backup-code", {**name, "code": f"AAAAA-{attack.wrong()}"})

    assert evaluated(storm(attack, totp)) == 15
    assert evaluated(storm(attack, backup_code)) == 15


@pytest.mark.one_database
def test_of_a_number_fifteen_codes_an_hour_are_compared_for_all_backends_together(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app, number = make_app(**FAST), new_number()
    shops = cycle([Shop(app, name="one"), Shop(app, name="other")])
    attack = Attack(app, make_person(app))

    def started(attack: Attack) -> Guess:
        shop = next(shops)
        id = shop.started(number)["id"]
        return lambda: shop.check(id, attack.wrong())

    storm(attack, started)

    assert sinch.count("report") == 15


@pytest.mark.one_database
def test_of_passwords_five_are_compared_until_the_account_waits(make_app: MakeApp, time: Time) -> None:
    app = make_app()
    attack = Attack(app, make_person(app))

    def spelled(attack: Attack) -> Guess:
        emails = cycle([attack.person.email, attack.person.email.upper(), f" {attack.person.email}"])
        return lambda: attack.post("/auth/login", {"email": next(emails), "password": f"Wrong-{attack.wrong()}"})

    at_first = evaluated(storm(attack, spelled, bursts=2))
    time.advance(31)
    after_the_wait = evaluated(storm(attack, spelled, bursts=1))

    assert (at_first, after_the_wait) == (5, 1)


def test_a_flushed_redis_and_a_restart_add_no_try(app: Flask, make_app: MakeApp, valkey: ValkeyServer) -> None:
    settings = {**FAST, "REDIS_URL": valkey.url, "RATE_LIMITS_ENABLED": "true"}
    person = make_person(app, is_verified=True)

    before = evaluated(storm(Attack(make_app(**settings), person), with_the_password, bursts=2))
    valkey.ask("FLUSHALL")
    after = evaluated(storm(Attack(make_app(**settings), person, count(100)), with_the_password, bursts=2))

    assert (before, after) == (10, 5)
