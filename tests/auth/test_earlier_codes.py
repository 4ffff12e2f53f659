"""A second sign-in within the cooldown: what it says, and which code completes it (ADR 29)."""

import re
from typing import Any

from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.codes import new_code
from tests.conftest import Time
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in, wrong_code
from tests.parallel import at_once
from tests.recovery.resets import ask

USABLE = re.compile(
    r"Login successful\. A code was sent (\d+) seconds? ago: enter that one, or request another in (\d+) seconds?\."
)
UNUSABLE = re.compile(
    r"Login successful\. No code was sent now, because one was sent (\d+) seconds? ago\. "
    r"Request one in (\d+) seconds?\."
)


def complete(api: Api, challenge: dict[str, Any], code: str) -> tuple[int, str]:
    response = api.post("/auth/verify-otp", {"challengeToken": challenge["challengeToken"], "otpCode": code})
    return response.status_code, (response.json or {}).get("code", "")


def test_a_second_sign_in_says_when_the_code_was_sent_and_takes_it(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    log_in(api, person)
    time.advance(40)

    second = log_in(api, person)

    said = USABLE.fullmatch(second["message"])
    assert said is not None, second
    assert 40 <= int(said[1]) <= 60
    assert (second["otpErrorCode"], second["retryAfter"], second["channel"]) == ("otp_cooldown", int(said[2]), "sms")
    assert int(said[1]) + int(said[2]) == 120
    assert len(sinch.inbox(person.phone_number)) == 1
    assert complete(api, second, code_on_phone(sinch, person)) == (200, "")


def test_a_code_that_a_stranger_requested_by_address_completes_the_owners_sign_in(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person = make_person(app, is_verified=True)
    code = new_code(api, sinch, person, channel="callout")

    challenge = log_in(api, person)

    assert USABLE.fullmatch(challenge["message"])
    assert challenge["channel"] == "callout"
    assert complete(api, challenge, code) == (200, "")


def test_of_two_sign_ins_with_one_code_one_succeeds(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    challenges = [log_in(api, person) for _ in range(4)]
    code = code_on_phone(sinch, person)

    statuses = at_once(4, lambda number: complete(api, challenges[number], code)[0])

    assert sorted(statuses) == [200, 401, 401, 401]


def test_the_five_tries_of_a_code_are_shared_by_the_sign_ins_that_may_use_it(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person = make_person(app)
    first, second = log_in(api, person), log_in(api, person)
    code = code_on_phone(sinch, person)

    tries = [complete(api, (first, second)[number % 2], wrong_code(code, number))[0] for number in range(1, 6)]

    assert tries == [401] * 5
    assert complete(api, second, code) == (429, "too_many_attempts")


def test_a_used_code_is_not_offered_again(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sign_in(api, sinch, person)

    second = log_in(api, person)

    assert UNUSABLE.fullmatch(second["message"]), second
    assert second["otpErrorCode"] == "otp_cooldown"
    assert complete(api, second, code_on_phone(sinch, person)) == (401, "otp_invalid")


def test_a_code_for_a_reset_completes_no_sign_in(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    ask(api, person.email)
    code = code_on_phone(sinch, person)

    challenge = log_in(api, person)

    assert UNUSABLE.fullmatch(challenge["message"]), challenge
    assert complete(api, challenge, code) == (401, "otp_invalid")
    assert sinch.count("report") == 0


def test_a_code_for_a_step_up_completes_no_sign_in(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]
    time.advance(121)
    assert api.post("/auth/step-up/request", {}, token=token).status_code == 200
    code = code_on_phone(sinch, person)

    challenge = log_in(api, person)

    assert UNUSABLE.fullmatch(challenge["message"]), challenge
    assert complete(api, challenge, code) == (401, "otp_invalid")
    assert sinch.count("report") == 1


def test_another_persons_code_completes_no_sign_in(app: Flask, api: Api, sinch: Simulator) -> None:
    owner, other = make_person(app), make_person(app)
    log_in(api, owner)
    log_in(api, other)

    second = log_in(api, owner)

    assert complete(api, second, code_on_phone(sinch, other)) == (401, "otp_invalid")


def test_an_earlier_sign_in_cannot_use_the_code_of_a_later_one(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    attackers = log_in(api, person)
    time.advance(121)

    owners = log_in(api, person)

    code = code_on_phone(sinch, person)
    assert complete(api, attackers, code) == (401, "otp_invalid")
    assert complete(api, owners, code) == (200, "")


def test_a_new_password_ends_a_code_that_a_sign_in_adopted(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    token = sign_in(api, sinch, person)["token"]
    time.advance(121)
    log_in(api, person)
    change = {"currentPassword": person.password, "newPassword": "Another-Horse-8"}
    assert api.post("/account/password", change, token=token).status_code == 200

    renewed = log_in(api, Person(person.id, person.email, person.phone_number, "Another-Horse-8"))

    assert UNUSABLE.fullmatch(renewed["message"]), renewed
    assert complete(api, renewed, code_on_phone(sinch, person)) == (401, "otp_invalid")
