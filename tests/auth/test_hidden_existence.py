"""With HIDE_ACCOUNT_EXISTENCE, no response reveals who has an account."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import users
from otp_service.core.web.even_timing import EvenTiming
from otp_service.factors.phone.factor import RISK
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time, finish
from tests.environments import give
from tests.factories import Person, code_on_phone, log_in, make_person, new_details, wrong_code
from tests.parallel import at_once
from tests.recovery.resets import messages_to, told
from tests.trail import events_of

pytestmark = pytest.mark.one_database

SENT = {
    "message": "If there is such an account, an OTP is on its way via sms.",
    "channel": "sms",
    "expiresIn": 300,
    "resendAfter": 120,
}
Names = Callable[[Person], dict[str, str]]
NOBODY = Person(0, "nobody@example.com", "+14155551998")
BY_NAME = pytest.mark.parametrize(
    "name", [lambda person: {"email": person.email}, lambda person: {"phoneNumber": person.phone_number}]
)


@pytest.fixture
def hiding(make_app: MakeApp) -> Api:
    """A client of a service that hides who has an account."""
    return Api(make_app(HIDE_ACCOUNT_EXISTENCE="true"))


def ask(api: Api, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
    answer = told(api.post("/auth/request-otp", body))
    finish(api.app)
    return answer


def try_code(api: Api, body: dict[str, str], code: str) -> tuple[int, dict[str, Any]]:
    return told(api.post("/auth/verify-otp", {**body, "otpCode": code}))


@BY_NAME
def test_a_request_for_a_code_is_answered_alike_and_served_afterwards(
    app: Flask, hiding: Api, sinch: Simulator, name: Names
) -> None:
    person = make_person(app)
    assert ask(hiding, name(person)) == ask(hiding, name(NOBODY)) == (200, SENT)
    assert len(sinch.inbox(person.phone_number)) == 1
    assert sinch.count("start") == 1


@BY_NAME
def test_the_second_request_waits_for_everybody(app: Flask, hiding: Api, time: Time, name: Names) -> None:
    person = make_person(app)
    answers = [[ask(hiding, name(who)) for who in (person, NOBODY)] for _ in range(2)]
    assert answers[0] == [(200, SENT)] * 2
    for status, body in answers[1]:
        assert (status, body["code"]) == (429, "otp_cooldown")
        assert body["message"] == "Wait 2 minutes before requesting another OTP."
        assert 110 <= body["retryAfter"] <= 120
    time.advance(120)
    assert ask(hiding, name(person)) == ask(hiding, name(NOBODY)) == (200, SENT)


def test_another_identifier_sends_no_second_code(app: Flask, hiding: Api, sinch: Simulator) -> None:
    person = make_person(app)
    assert ask(hiding, {"email": person.email}) == ask(hiding, {"phoneNumber": person.phone_number}) == (200, SENT)
    assert sinch.count("start") == 1


def test_the_limits_of_an_hour_are_the_same_for_everybody(app: Flask, make_app: MakeApp) -> None:
    settings = {"HIDE_ACCOUNT_EXISTENCE": "true", "OTP_COOLDOWN": "0", "OTP_SENDS_PER_NUMBER_HOUR": "5"}
    hiding, person = Api(make_app(**settings)), make_person(app)
    for who in (person, NOBODY):
        statuses = [ask(hiding, {"email": who.email})[0] for _ in range(4)]
        assert statuses == [200] * 3 + [429]


def test_trouble_of_the_provider_does_not_show(app: Flask, hiding: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sinch.set_fault("status", "start", status_code=500, phase="before")
    assert ask(hiding, {"email": person.email}) == (200, SENT)
    sinch.clear_faults()


def test_what_is_wrong_with_a_number_itself_is_told_whoever_has_it(app: Flask, hiding: Api) -> None:
    make_person(app, phone_number="+442079460000")
    for number in ("+442079460000", "+442079460001"):
        status, body = ask(hiding, {"phoneNumber": number})
        assert (status, body["code"]) == (422, "destination_not_allowed")


def test_the_holder_of_a_challenge_is_told_as_ever(app: Flask, hiding: Api, time: Time) -> None:
    person = make_person(app, phone_number="+14155552671")
    challenge = log_in(hiding, person)["challengeToken"]
    assert hiding.post("/auth/request-otp", {"challengeToken": challenge}).json["code"] == "otp_cooldown"
    time.advance(120)
    answer = hiding.post("/auth/request-otp", {"challengeToken": challenge})
    assert answer.json["message"] == "OTP sent via sms to +1******2671."
    assert hiding.post("/auth/request-otp", {"challengeToken": "ch_nonsense"}).status_code == 401


@BY_NAME
def test_a_right_code_verifies_the_phone(app: Flask, hiding: Api, sinch: Simulator, name: Names) -> None:
    person = make_person(app)
    ask(hiding, name(person))
    status, body = try_code(hiding, name(person), code_on_phone(sinch, person))
    assert (status, body["userId"]) == (200, person.id)


@BY_NAME
def test_wrong_codes_are_answered_alike_until_they_are_too_many(
    app: Flask, hiding: Api, sinch: Simulator, name: Names
) -> None:
    person, idle = make_person(app), make_person(app)
    ask(hiding, name(person))
    code = code_on_phone(sinch, person)
    answers = [
        [try_code(hiding, name(who), wrong_code(code, number)) for number in range(1, 8)]
        for who in (person, idle, NOBODY)
    ]
    for _, body in (answer for tries in answers for answer in tries[5:]):
        assert 1 <= body.pop("retryAfter") <= 300
    assert answers[0] == answers[1] == answers[2]
    assert [status for status, _ in answers[0]] == [401] * 5 + [429] * 2
    assert answers[0][0][1]["message"] == "Invalid or expired OTP code."


def test_a_code_that_is_used_up_by_another_name_looks_like_a_wrong_one(
    app: Flask, hiding: Api, sinch: Simulator
) -> None:
    person = make_person(app)
    ask(hiding, {"email": person.email})
    code = code_on_phone(sinch, person)
    for number in range(1, 6):
        try_code(hiding, {"email": person.email}, wrong_code(code, number))
    by_number = try_code(hiding, {"phoneNumber": person.phone_number}, code)
    assert by_number == try_code(hiding, {"phoneNumber": NOBODY.phone_number}, code)
    assert by_number[0] == 401


def test_a_new_code_opens_the_tries_anew(app: Flask, hiding: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    body = {"email": person.email}
    ask(hiding, body)
    for number in range(1, 7):
        try_code(hiding, body, wrong_code(code_on_phone(sinch, person), number))
    time.advance(120)
    ask(hiding, body)
    assert try_code(hiding, body, code_on_phone(sinch, person))[0] == 200


def test_when_the_provider_is_away_no_try_is_spent(app: Flask, hiding: Api, sinch: Simulator) -> None:
    person = make_person(app)
    ask(hiding, {"email": person.email})
    code = code_on_phone(sinch, person)
    sinch.set_fault("status", "report", status_code=429, phase="before")
    assert [try_code(hiding, {"email": person.email}, code)[0] for _ in range(7)] == [503] * 7
    sinch.clear_faults()
    assert try_code(hiding, {"email": person.email}, code)[0] == 200


def test_an_account_that_an_operator_locked_looks_like_none(app: Flask, hiding: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    with app.app_context():
        users.lock(person.id)
    assert ask(hiding, {"email": person.email}) == (200, SENT)
    assert try_code(hiding, {"email": person.email}, "1234") == try_code(hiding, {"email": NOBODY.email}, "1234")
    assert sinch.calls == []


def register(api: Api, **details: str) -> tuple[int, dict[str, Any]]:
    return told(api.post("/auth/register", new_details(**details)))


def test_a_registration_tells_nobody_whether_there_was_one(app: Flask, hiding: Api) -> None:
    person = make_person(app)
    answers = [register(hiding), register(hiding, email=person.email), register(hiding, email=person.email.upper())]
    message = "User registered successfully. Verify your phone number to complete setup."
    assert answers == [(201, {"message": message, "notice": RISK})] * 3


def test_what_is_registered_unseen_can_sign_in(app: Flask, hiding: Api, sinch: Simulator) -> None:
    details = new_details()
    hiding.post("/auth/register", details)
    person = Person(0, details["email"], details["phoneNumber"])
    body = {"challengeToken": log_in(hiding, person)["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    assert hiding.post("/auth/verify-otp", body).status_code == 200


def test_a_number_that_another_has_is_no_obstacle_and_goes_to_whoever_proves_it(
    app: Flask, hiding: Api, sinch: Simulator
) -> None:
    owner = make_person(app, is_verified=True)
    details = new_details(phoneNumber=owner.phone_number)
    assert told(hiding.post("/auth/register", details)) == register(hiding)
    assert verified(app, owner)
    newcomer = Person(0, details["email"], details["phoneNumber"])
    body = {"challengeToken": log_in(hiding, newcomer)["challengeToken"], "otpCode": code_on_phone(sinch, newcomer)}
    assert hiding.post("/auth/verify-otp", body).status_code == 200
    assert not verified(app, owner)


def verified(app: Flask, person: Person) -> bool:
    with app.app_context():
        return users.get(person.id).is_verified


def test_the_owner_of_the_address_is_told_once_a_day_and_keeps_the_account(app: Flask, hiding: Api, time: Time) -> None:
    person = make_person(app)
    for _ in range(3):
        register(hiding, email=person.email, password="Another-Horse-8")
    assert messages_to(app, person.email) == ["address_held"]
    time.advance(86_400)
    register(hiding, email=person.email)
    assert messages_to(app, person.email) == ["address_held"] * 2
    assert hiding.post("/auth/login", person.credentials).status_code == 200
    assert events_of(app, person).count("registration.repeated") == 4


def test_of_20_parallel_registrations_of_one_address_one_is_made_and_all_are_answered_alike(
    app: Flask, hiding: Api
) -> None:
    email = new_details()["email"]
    answers = at_once(20, lambda _: register(hiding, email=email))
    assert [status for status, _ in answers] == [201] * 20
    assert sorted(messages_to(app, email)) == ["address_held", "address_verification"]


def test_faults_of_form_are_told_as_ever(app: Flask, hiding: Api) -> None:
    person = make_person(app)
    for email in (person.email, NOBODY.email):
        status, body = register(hiding, email=email, password="weak")
        assert (status, body["code"]) == (400, "validation_failed")


def test_by_the_strict_profile_existence_is_hidden_unless_told_otherwise(app: Flask, make_app: MakeApp) -> None:
    strict = {"SECURITY_PROFILE": "strict", "OTP_SUPPLY_CODE": "false"}
    assert ask(Api(make_app(**strict)), {"email": NOBODY.email}) == (200, SENT)
    seeing = Api(make_app(**strict, HIDE_ACCOUNT_EXISTENCE="false"))
    assert ask(seeing, {"email": NOBODY.email})[0] == 404


PAIRS = 25


def elapsed(act: Callable[[], object]) -> float:
    started = perf_counter()
    act()
    return perf_counter() - started


def distinguishability(known: list[float], unknown: list[float]) -> float:
    """How often a guess by two answers' times is right: 0.5 is chance, 1 certainty."""
    share = sum((a > b) + 0.5 * (a == b) for a in known for b in unknown) / (len(known) * len(unknown))
    return max(share, 1 - share)


def interleaved(api: Api, known: Callable[[int], object], unknown: Callable[[int], object]) -> float:
    """Time both in turns, after a few that warm everything up; nothing is left over for the next to feel."""
    times: list[list[float]] = [[], []]
    for number in range(3 + PAIRS):
        for kept, act in zip(times, (known, unknown), strict=True):
            kept.append(elapsed(lambda: act(number)))
            finish(api.app)
    return distinguishability(times[0][3:], times[1][3:])


def is_told_apart(measure: Callable[[int], float]) -> bool:
    """Whether three measurements in a row tell them apart: one alone does so now and then by chance."""
    return all(measure(turn) >= 0.75 for turn in range(3))


@pytest.fixture
def timed(make_app: MakeApp) -> Api:
    """A client of a service that takes its time as a deployed one does, only less of it."""
    app = make_app(HIDE_ACCOUNT_EXISTENCE="true", OTP_COOLDOWN="0", OTP_CHECKS_PER_HOUR="1000")
    give(app, even_timing=EvenTiming(seconds=0.25))
    return Api(app)


@pytest.mark.timing
def test_a_registration_takes_the_same_time_for_everybody(app: Flask, timed: Api) -> None:
    email = make_person(app).email
    known, unknown = (lambda _: register(timed, email=email)), (lambda _: register(timed))
    assert not is_told_apart(lambda _: interleaved(timed, known, unknown))


@pytest.mark.timing
def test_a_request_for_a_code_takes_the_same_time_for_everybody(app: Flask, timed: Api) -> None:
    email = make_person(app).email

    def act(name: str) -> object:
        return timed.post("/auth/request-otp", {"email": name})

    assert not is_told_apart(lambda _: interleaved(timed, lambda _: act(email), lambda _: act(NOBODY.email)))


@pytest.mark.timing
def test_a_request_for_a_reset_takes_the_same_time_for_everybody(app: Flask, timed: Api) -> None:
    email = make_person(app, is_verified=True).email

    def act(name: str) -> object:
        return timed.post("/auth/password-reset", {"email": name})

    assert not is_told_apart(lambda _: interleaved(timed, lambda _: act(email), lambda _: act(NOBODY.email)))


@pytest.mark.timing
@pytest.mark.parametrize("route", ["verify-otp", "password-reset/confirm"])
def test_a_wrong_code_takes_the_same_time_for_everybody(app: Flask, timed: Api, sinch: Simulator, route: str) -> None:
    assert not is_told_apart(lambda turn: wrong_codes_tell(app, timed, sinch, route, f"nobody{turn}"))


def wrong_codes_tell(app: Flask, timed: Api, sinch: Simulator, route: str, nobody: str) -> float:
    """Five wrong codes for each of a few people with a live code, against as many for nobody."""
    people = [make_person(app, is_verified=True) for _ in range((3 + PAIRS) // 5 + 1)]
    for person in people:
        timed.post("/auth/request-otp" if route == "verify-otp" else "/auth/password-reset", {"email": person.email})
    finish(timed.app)
    sinch.clear_calls()
    extra = {} if route == "verify-otp" else {"newPassword": "Another-Horse-8"}
    wrong = [wrong_code(code_on_phone(sinch, people[number // 5]), number % 5 + 1) for number in range(3 + PAIRS)]

    def act(email: str, number: int) -> None:
        body = {"email": email, "otpCode": wrong[number], **extra}
        assert timed.post(f"/auth/{route}", body).status_code == 401

    known = interleaved(
        timed,
        lambda number: act(people[number // 5].email, number),
        lambda number: act(f"{nobody}{number // 5}@example.com", number),
    )
    assert sinch.count("report") == 3 + PAIRS
    return known
