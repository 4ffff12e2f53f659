"""Sign-ins that a rule finds unusual, from outside: the response, the mail and the trail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from otp_service.anomalies.settings import RULES
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.api import Api
from tests.conftest import MakeApp, Time, finish
from tests.factories import Person, code_on_phone, make_person
from tests.factors.totp.authenticator import enrol
from tests.factors.webauthn.conftest import enrolled, passkey, passkey_options
from tests.geo_files import city, write_geo_file
from tests.recovery.resets import messages_to
from tests.round_trips import listening
from tests.sessions.conftest import SignedIn
from tests.strangers import HOME, OFFICE, TRAIN, From, attempt, complete
from tests.trail import events_of, facts_of

COOLDOWN = 121
DENY, STRONGEST = "deny", "require_strongest_factor"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home and office are in Germany, the train is in Japan."""
    records = {
        "203.0.113.0/24": city("DE", 52.5, 13.4),
        "198.51.100.0/24": city("DE", 52.4, 13.0),
        "192.0.2.0/24": city("JP", 35.7, 139.7),
    }
    return write_geo_file(tmp_path_factory.mktemp("geo") / "places.mmdb", records)


Ruled = Callable[..., Flask]


@pytest.fixture
def ruled(make_app: MakeApp, places: Path) -> Ruled:
    """The application with actions of rules."""
    return lambda **rules: make_app(
        GEOIP_FILE=str(places), **{f"ANOMALY_{name.upper()}": action for name, action in rules.items()}
    )


@pytest.fixture
def person(app: Flask, sinch: Simulator, time: Time) -> Person:
    """A person who has signed in at home."""
    someone = make_person(app, is_verified=True)
    complete(From(app, HOME), sinch, someone)
    time.advance(COOLDOWN)
    return someone


def test_an_unknown_device_is_explained_in_the_trail_and_reported(app: Flask, sinch: Simulator, person: Person) -> None:
    complete(From(app, OFFICE), sinch, person)

    facts = {"rule": "unknown_device", "action": "notify", "comparedDevices": 1}
    assert facts_of(app, person, "anomaly.found") == facts
    assert events_of(app, person)[:2] == ["session.started", "anomaly.found"]
    assert messages_to(app, person.email) == ["new_sign_in"]


def test_a_sign_in_from_a_new_country_names_it_in_one_mail(ruled: Ruled, sinch: Simulator, person: Person) -> None:
    app = ruled()

    complete(From(app, TRAIN), sinch, person)

    (letter,) = letters(Api(app), person.email, "new_sign_in")
    assert "not used before, or not shortly before: JP" in letter["text"]
    assert "too far for the time between them" in letter["text"]
    assert events_of(app, person)[:4] == ["session.started", *["anomaly.found"] * 3]


def test_rules_that_are_off_say_nothing(ruled: Ruled, sinch: Simulator, person: Person) -> None:
    app = ruled(unknown_device="off", impossible_travel="off", new_country="off")

    complete(From(app, TRAIN), sinch, person)

    assert "anomaly.found" not in events_of(app, person)
    assert messages_to(app, person.email) == []


def make_known(app: Flask, sinch: Simulator) -> Person:
    """Another person who has signed in at home."""
    someone = make_person(app, is_verified=True)
    complete(From(app, HOME), sinch, someone)
    return someone


def test_a_denied_sign_in_shows_only_to_the_right_password(ruled: Ruled, sinch: Simulator, person: Person) -> None:
    app = ruled(new_country=DENY)
    train = From(app, TRAIN)

    denied, wrong = attempt(train, person), attempt(train, person, "Wrong-Horse-1")

    assert (denied.status_code, denied.json["code"]) == (403, "sign_in_denied")
    assert (wrong.status_code, wrong.json["code"]) == (401, "invalid_credentials")
    assert attempt(From(app, OFFICE), person).status_code == 200
    facts = {"rule": "new_country", "action": DENY, "country": "JP", "earlierCountries": ["DE"]}
    assert facts_of(app, person, "anomaly.found") == facts


def test_denied_sign_ins_send_one_mail_a_day_and_make_nobody_wait(ruled: Ruled, person: Person) -> None:
    app = ruled(new_country=DENY)

    statuses = [attempt(From(app, TRAIN), person).status_code for _ in range(8)]

    assert statuses == [403] * 8
    assert messages_to(app, person.email) == ["sign_in_denied"]


def test_a_reset_of_the_password_is_the_way_in_where_a_rule_denies(
    ruled: Ruled, sinch: Simulator, person: Person
) -> None:
    app = ruled(new_country=DENY)
    train, password = From(app, TRAIN), "Another-Horse-9"

    train.post("/auth/password-reset", {"email": person.email})
    finish(app)
    body = {"email": person.email, "otpCode": code_on_phone(sinch, person), "newPassword": password}
    assert train.post("/auth/password-reset/confirm", body).status_code == 204

    assert attempt(train, person, password).status_code == 200
    assert facts_of(app, person, "anomaly.found")["verifiedHere"] is True
    assert facts_of(app, person, "anomaly.found")["action"] == STRONGEST


def test_only_the_strongest_factor_signs_in_where_a_rule_requires_it(
    ruled: Ruled, app: Flask, sinch: Simulator, time: Time
) -> None:
    person = make_person(app, is_verified=True)
    home = From(app, HOME)
    authenticator, backup_codes = enrol(home, complete(home, sinch, person)["token"])
    time.advance(COOLDOWN)
    train = From(ruled(new_country=STRONGEST), TRAIN)

    begun = attempt(train, person).json
    token = {"challengeToken": begun["challengeToken"]}
    by_phone = train.post("/auth/request-otp", token)
    by_code = train.post("/auth/verify-otp", {**token, "otpCode": "123456"})
    by_backup_code = train.post("/auth/mfa/backup-code", {**token, "code": backup_codes[0]})
    by_app = train.post("/auth/mfa/totp", {**token, "code": authenticator.code()})

    assert (begun["methods"], begun["defaultMethod"], "channel" in begun) == (["totp"], "totp", False)
    for refused in (by_phone, by_code, by_backup_code):
        assert (refused.status_code, refused.json["code"]) == (403, "strongest_factor_required")
        assert refused.json["methods"] == ["totp"]
    assert by_app.status_code == 200
    assert "new_sign_in" in messages_to(app, person.email)


def test_an_account_with_one_factor_signs_in_as_before_and_is_notified(
    ruled: Ruled, sinch: Simulator, person: Person
) -> None:
    app = ruled(unknown_device="off", impossible_travel="off", new_country=STRONGEST)

    begun = attempt(From(app, TRAIN), person).json
    complete_by = {"challengeToken": begun["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    done = From(app, TRAIN).post("/auth/verify-otp", complete_by)

    assert (done.status_code, begun["defaultMethod"]) == (200, "sms")
    assert messages_to(app, person.email) == ["unusual_sign_in"]


def test_a_second_step_from_elsewhere_is_judged_as_well(ruled: Ruled, sinch: Simulator, person: Person) -> None:
    app = ruled(new_country=DENY)
    token = attempt(From(app, OFFICE), person).json["challengeToken"]
    body = {"challengeToken": token, "otpCode": code_on_phone(sinch, person)}

    relayed = From(app, TRAIN).post("/auth/verify-otp", body)

    assert (relayed.status_code, relayed.json["code"]) == (403, "sign_in_denied")
    assert From(app, OFFICE).post("/auth/verify-otp", body).status_code == 200


def test_a_trusted_device_proves_a_factor_where_a_rule_requires_it(
    ruled: Ruled, app: Flask, sinch: Simulator, person: Person, time: Time
) -> None:
    challenge = attempt(From(app, HOME), person).json["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person), "rememberDevice": True}
    token = From(app, HOME).post("/auth/verify-otp", body).json["deviceToken"]
    time.advance(COOLDOWN)
    strict = ruled(new_country=STRONGEST)

    assert attempt(From(strict, OFFICE), person, deviceToken=token).json["requiresOtp"] is False
    assert attempt(From(strict, TRAIN), person, deviceToken=token).json["requiresOtp"] is True


def test_a_passkey_alone_is_judged(ruled: Ruled, app: Flask, alice: SignedIn) -> None:
    key = enrolled(From(app, HOME), alice)
    strict = ruled(unknown_device=DENY)
    train = From(strict, TRAIN)

    denied = passkey(train, key.get(passkey_options(train)))
    known = passkey(From(app, "127.0.0.1"), key.get(passkey_options(train)))

    assert (denied.status_code, denied.json["code"]) == (403, "sign_in_denied")
    assert known.status_code == 200
    assert facts_of(app, alice.person, "anomaly.found")["rule"] == "unknown_device"


def test_many_accounts_from_one_place_are_denied(ruled: Ruled, app: Flask, sinch: Simulator) -> None:
    people = [make_known(app, sinch) for _ in range(4)]
    strict = ruled(many_accounts=DENY, accounts_per_device="9", accounts_per_address="2")

    tried = [attempt(From(strict, TRAIN), person) for person in (*people[:2], people[0], *people[2:])]

    assert [one.status_code for one in tried] == [200, 200, 200, 403, 403]
    facts = facts_of(app, people[3], "anomaly.found")
    assert (facts["accountsByDevice"], facts["accountsByAddress"], facts["mostByAddress"]) == (3, 3, 2)
    assert attempt(From(strict, OFFICE), people[3]).status_code == 200


def test_many_accounts_from_one_device_are_reported_by_default(ruled: Ruled, sinch: Simulator, time: Time) -> None:
    app = ruled(accounts_per_device="1")
    first, second = make_known(app, sinch), make_known(app, sinch)
    time.advance(COOLDOWN)

    for person in (first, second):
        complete(From(app, OFFICE), sinch, person)

    (letter,) = letters(Api(app), second.email, "new_sign_in")
    assert "several other accounts" in letter["text"]
    assert facts_of(app, second, "anomaly.found")["rule"] == "many_accounts"
    assert facts_of(app, first, "anomaly.found")["rule"] == "unknown_device"


def test_the_rules_cost_no_round_trip_by_default(ruled: Ruled, sinch: Simulator, person: Person, time: Time) -> None:
    usual, without = ruled(), ruled(**dict.fromkeys(RULES, "off"))
    numbers, travels_alone = [], 0

    for app in (without, usual):
        with listening(app) as asked:
            complete(From(app, HOME), sinch, person)
        numbers.append(len(asked.statements))
        travels_alone = int(asked.database == "sqlite")  # one write, which PostgreSQL gets together with another
        time.advance(COOLDOWN)

    assert numbers[1] == numbers[0] + travels_alone, numbers


def test_denials_in_a_locked_account_look_like_a_wrong_password(ruled: Ruled, app: Flask, person: Person) -> None:
    assert app.test_cli_runner().invoke(args=["users", "lock", person.email]).exit_code == 0

    locked: Any = attempt(From(ruled(new_country=DENY), TRAIN), person)

    assert (locked.status_code, locked.json["code"]) == (401, "invalid_credentials")
