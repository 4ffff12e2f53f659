"""What clients without a session and a verified phone can cost: docs/security.md states it, an attacker tries it."""

from dataclasses import dataclass, field
from itertools import cycle

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.conftest import MakeApp, Time, finish
from tests.factories import PASSWORD, Person, log_in, make_person, new_details, new_number
from tests.strangers import From, stranger

MINUTE, HOUR = 60, 3_600
DEFAULTS = {
    "RATE_LIMITS_ENABLED": "true",
    "OTP_SENDS_PER_NUMBER_HOUR": "5",
    "OTP_SENDS_PER_NUMBER_DAY": "10",
    "OTP_ANONYMOUS_CHANNELS": "",
}
"""The limits on messages as they are by default."""

PATIENT = {
    "OTP_COOLDOWN": "0",
    "RATE_LIMIT_REGISTER_PER_HOUR": "100000",
    "RATE_LIMIT_OTP_PER_MINUTE": "100000",
    "RATE_LIMIT_MAX_REQUESTS": "1000000",
}
"""An attacker in simulated hours has no pauses, and no limits on requests, which count by the real clock."""


@dataclass
class Attacker:
    """Uses every door to every number, each time from the next address, and notes when messages left."""

    app: Flask
    sinch: Simulator
    time: Time
    addresses: int
    numbers: int
    now: float = 0.0
    sent_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._clients = cycle([stranger(self.app, number) for number in range(self.addresses)])
        self._people = [self._register() for _ in range(self.numbers)]

    def _register(self) -> Person:
        details = new_details()
        response = self._next().post("/auth/register", details)
        assert response.status_code == 201, response.json
        return Person(response.json["userId"], details["email"], details["phoneNumber"])

    def _next(self) -> From:
        return next(self._clients)

    def begin(self) -> None:
        """Have one code sent."""
        self._ask(*self._doors(self._people[0])[0])

    def burst(self, *, with_password: bool = True) -> None:
        """Ask for codes to every number by every door until none leaves, and by password last: it has a reserve."""
        doors = [door for person in self._people for door in self._doors(person)]
        for path, body in (door for door in doors if with_password or door[0] != "/auth/login"):
            while self._ask(path, body):
                pass

    def _doors(self, person: Person) -> tuple[tuple[str, dict[str, str]], ...]:
        return (
            ("/auth/request-otp", {"email": person.email.upper()}),
            ("/auth/request-otp", {"phoneNumber": f"+1 (415) 555-{person.phone_number[-4:]}"}),
            ("/auth/login", {"email": person.email, "password": PASSWORD}),
        )

    def _ask(self, path: str, body: dict[str, str]) -> bool:
        before = self.sinch.count("start")
        self._next().post(path, body)
        sent = self.sinch.count("start") - before
        self.sent_at += [self.now] * sent
        return sent > 0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.time.advance(seconds)

    def wait_until(self, at: float) -> None:
        """Let time pass until so many seconds after the first message."""
        self.wait(max(0.0, at - self.now))

    def most_within(self, seconds: float) -> int:
        """The most messages that left within any such time."""
        return max(sum(first <= at < first + seconds for at in self.sent_at) for first in self.sent_at)


@pytest.mark.parametrize(
    ("many", "ceiling", "hour"), [((1, 3), 1_000, 20), ((2, 1), 1_000, 7), ((1, 2), 8, 8)], ids=["20 A", "7 N", "all"]
)
def test_in_an_hour_no_more_leaves_than_the_formula_says(
    make_app: MakeApp, sinch: Simulator, time: Time, many: tuple[int, int], ceiling: int, hour: int
) -> None:
    app, (addresses, numbers) = make_app(**DEFAULTS, **PATIENT, OTP_ANONYMOUS_SENDS_PER_HOUR=str(ceiling)), many
    attacker = Attacker(app, sinch, time, addresses, numbers)
    attacker.begin()  # one message opens the windows early, so that the rest comes at their end
    attacker.wait_until(HOUR - 5 * MINUTE)
    attacker.burst()
    assert len(attacker.sent_at) == min(20 * addresses, 7 * numbers, ceiling) == hour

    for past_the_edge in (20 * MINUTE, 50 * MINUTE):
        attacker.wait_until(HOUR + past_the_edge)
        attacker.burst()

    assert attacker.most_within(HOUR) < 2 * hour
    assert hour < len(attacker.sent_at) <= 3 * hour


@pytest.mark.one_database
@pytest.mark.parametrize(("ceiling", "day"), [(5_000, 14), (9, 9)], ids=["14 N", "ceiling"])
def test_in_a_day_no_more_leaves_than_the_formula_says(
    make_app: MakeApp, sinch: Simulator, time: Time, ceiling: int, day: int
) -> None:
    app = make_app(**DEFAULTS, **PATIENT, OTP_ANONYMOUS_SENDS_PER_DAY=str(ceiling))
    attacker = Attacker(app, sinch, time, addresses=3, numbers=1)

    for hour in (0, 2, 4, 6, 23):
        attacker.wait_until(hour * HOUR)
        attacker.burst(with_password=hour > 2)  # so that the reserve is left when the number's own part is used up

    assert len(attacker.sent_at) == day


@pytest.mark.one_database
def test_a_48_of_ipv6_costs_as_much_as_sixteen_addresses(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    limited = make_app(**DEFAULTS, **PATIENT, OTP_SENDS_PER_ADDRESS_HOUR="1")
    people = [make_person(app) for _ in range(18)]

    for number, person in enumerate(people):
        # Each in a /64 of its own, of six /56 networks.
        client = From(limited, f"2001:db8:77:{number % 6:x}{number:02x}::1")
        client.post("/auth/request-otp", {"email": person.email})

    assert sinch.count("start") == 16


@pytest.fixture
def crowded(make_app: MakeApp) -> Flask:
    """An application whose ceiling of an hour is reached."""
    app = make_app(**DEFAULTS, OTP_ANONYMOUS_SENDS_PER_HOUR="1")
    assert named(app, make_person(app)).status_code == 200
    return app


def named(app: Flask, person: Person) -> Answer:
    return stranger(app, 7).post("/auth/request-otp", {"email": person.email})


def test_at_the_ceiling_people_without_a_verified_phone_wait_for_an_hour(crowded: Flask, time: Time) -> None:
    person = make_person(crowded)

    by_name, by_password = named(crowded, person), log_in(stranger(crowded, 8), person)
    time.advance(by_name.json["retryAfter"])

    assert (by_name.status_code, by_name.json["code"]) == (429, "anonymous_send_limit")
    assert 3_500 < by_name.json["retryAfter"] <= HOUR
    assert by_password["otpErrorCode"] == "anonymous_send_limit"
    assert named(crowded, person).status_code == 200


def test_at_the_ceiling_a_reset_of_a_stranger_waits_as_well(crowded: Flask, sinch: Simulator) -> None:
    person = make_person(crowded, is_verified=True)

    response = stranger(crowded, 7).post("/auth/password-reset", {"email": person.email})
    finish(crowded)

    assert (response.status_code, sinch.inbox(person.phone_number)) == (202, [])


def test_at_the_ceiling_customers_still_get_codes(crowded: Flask) -> None:
    person = make_person(crowded, is_verified=True)

    assert log_in(stranger(crowded, 8), person)["channel"] == "sms"
    assert "otpErrorCode" not in log_in(stranger(crowded, 9), make_person(crowded, is_verified=True))


def test_a_message_that_never_left_is_no_part_of_the_ceiling(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    limited = make_app(**DEFAULTS, OTP_ANONYMOUS_SENDS_PER_HOUR="1", OTP_COOLDOWN="0")
    person = make_person(app)
    sinch.set_fault("status", "start", status_code=402, phase="before", times=1)

    failed, sent = named(limited, person), named(limited, person)

    assert (failed.status_code, sent.status_code) == (502, 200)


@pytest.mark.parametrize("hidden", ["false", "true"])
def test_who_only_names_a_person_may_choose_the_usual_channel_alone(
    make_app: MakeApp, sinch: Simulator, hidden: str
) -> None:
    app = make_app(OTP_ANONYMOUS_CHANNELS="", HIDE_ACCOUNT_EXISTENCE=hidden)
    known, unknown = make_person(app).phone_number, new_number()

    refused = [
        Api(app).post("/auth/request-otp", {"phoneNumber": number, "channel": channel})
        for number in (known, unknown)
        for channel in ("callout", "flashcall")
    ]

    assert [(one.status_code, one.json["code"]) for one in refused] == [(422, "channel_not_allowed")] * 4
    assert refused[0].json["allowedChannels"] == ["sms"]
    assert sinch.count("start") == 0


@pytest.mark.one_database
def test_a_fixed_line_is_called_after_a_password_or_where_the_operator_allows_it(
    app: Flask, make_app: MakeApp, sinch: Simulator
) -> None:
    person = make_person(app, phone_number="+442079460000")
    body = {"email": person.email, "channel": "callout"}
    usual, generous = Api(make_app(OTP_ANONYMOUS_CHANNELS="")), Api(make_app(OTP_ANONYMOUS_CHANNELS="callout"))

    refused, by_password = usual.post("/auth/request-otp", body), log_in(usual, person)

    assert (refused.status_code, by_password["channel"]) == (422, "callout")
    assert generous.post("/auth/request-otp", {**body, "channel": "sms"}).json["code"] == "destination_not_allowed"
    assert generous.post("/auth/request-otp", body).json["code"] == "otp_cooldown"
    assert sinch.count("start") == 1


@pytest.mark.one_database
def test_the_holder_of_a_challenge_chooses_any_channel(app: Flask, make_app: MakeApp, time: Time) -> None:
    api, person = Api(make_app(OTP_ANONYMOUS_CHANNELS="")), make_person(app)
    challenge = log_in(api, person)["challengeToken"]
    time.advance(2 * MINUTE)

    response = api.post("/auth/request-otp", {"challengeToken": challenge, "channel": "callout"})

    assert response.json["channel"] == "callout"
