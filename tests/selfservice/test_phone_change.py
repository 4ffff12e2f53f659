"""POST /account/phone, /account/phone/verify and /account/phone/undo."""

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.accounts import users
from otp_service.accounts.models import PhoneChange
from otp_service.core.database.transactions import fetch_all
from otp_service.jobs import retention
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.accounts.moving import events
from tests.accounts.phones import (
    COOLDOWN,
    UNREACHABLE,
    ask_for_number,
    change_number,
    code_at,
    confirm_number,
    sign_in_and_change,
    undo_token,
)
from tests.api import Api
from tests.conftest import Time
from tests.factories import (
    PASSWORD,
    Person,
    code_on_phone,
    log_in,
    make_person,
    new_details,
    new_number,
    sign_in,
    wrong_code,
)
from tests.parallel import at_once
from tests.sessions.conftest import refreshed

HOURS_72 = 72 * 3_600


@pytest.fixture
def ada(app: Flask) -> Person:
    return make_person(app)


def number_of(app: Flask, person: Person) -> tuple[str | None, bool]:
    with app.app_context():
        account = users.get(person.id)
    return account.phone_number, account.is_verified


def undo(api: Api, token: str) -> int:
    return api.post("/account/phone/undo", {"token": token, "password": PASSWORD}).status_code


def test_right_after_a_sign_in_by_sms_the_first_code_goes_to_a_new_number_at_once(
    api: Api, sinch: Simulator, ada: Person
) -> None:
    token, new = sign_in(api, sinch, ada)["token"], new_number()

    first, second = ask_for_number(api, token, new), ask_for_number(api, token, new_number())

    assert first.status_code == 200, first.json
    assert (second.status_code, second.json["code"]) == (429, "otp_cooldown")
    assert confirm_number(api, token, code_at(sinch, new)).status_code == 200


def test_right_after_a_step_up_by_sms_a_code_goes_to_a_new_number_at_once(
    api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    token = sign_in(api, sinch, ada)["token"]
    time.advance(COOLDOWN)
    assert api.post("/auth/step-up/request", {}, token=token).status_code == 200
    body = {"password": ada.password, "method": "sms", "code": code_on_phone(sinch, ada)}
    renewed = api.post("/auth/step-up", body, token=token).json["token"]

    assert ask_for_number(api, renewed, new_number()).status_code == 200


def test_codes_for_changes_of_number_wait_for_each_other(api: Api, sinch: Simulator, time: Time, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]
    time.advance(100)
    assert ask_for_number(api, token, new_number()).status_code == 200
    time.advance(30)

    refused = ask_for_number(api, token, new_number())

    assert (refused.status_code, refused.json["code"]) == (429, "otp_cooldown")
    assert 60 <= refused.json["retryAfter"] <= 90
    time.advance(refused.json["retryAfter"])
    assert ask_for_number(api, token, new_number()).status_code == 200


def test_a_code_that_could_not_be_sent_leaves_the_wait_of_the_sign_in(api: Api, sinch: Simulator, ada: Person) -> None:
    token, new = sign_in(api, sinch, ada)["token"], new_number()
    sinch.set_fault("status", "start", status_code=422, times=1)
    assert ask_for_number(api, token, new).status_code == 422

    own = api.post("/auth/request-otp", {"email": ada.email})
    again = ask_for_number(api, token, new)

    assert (own.status_code, own.json["code"]) == (429, "otp_cooldown")
    assert again.status_code == 200


def test_of_parallel_first_codes_to_new_numbers_one_leaves(api: Api, sinch: Simulator, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]

    statuses = at_once(10, lambda _: ask_for_number(api, token, new_number()).status_code)

    assert sorted(statuses) == [200] + [429] * 9


@pytest.mark.parametrize("number", UNREACHABLE)
@pytest.mark.one_database
def test_a_number_that_no_code_reaches_is_refused_with_the_reason(
    api: Api, sinch: Simulator, time: Time, ada: Person, number: str
) -> None:
    token = sign_in(api, sinch, ada)["token"]
    time.advance(COOLDOWN)

    response = ask_for_number(api, token, number)

    assert (response.status_code, response.json["code"]) == (422, "destination_not_allowed")
    assert f"it is {UNREACHABLE[number]}." in response.json["message"]


def test_the_number_changes_when_the_new_one_is_proven_and_not_before(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    token, new = sign_in(api, sinch, ada)["token"], new_number()
    time.advance(COOLDOWN)
    asked = ask_for_number(api, token, f"{new[:2]} ({new[2:5]}) {new[5:8]}-{new[8:]}")
    assert (asked.status_code, asked.json["channel"], asked.json["expiresIn"]) == (200, "sms", 300)
    assert number_of(app, ada) == (ada.phone_number, True)
    wrong = confirm_number(api, token, wrong_code(code_at(sinch, new)))
    assert (wrong.status_code, wrong.json["message"]) == (401, "Invalid or expired OTP code.")
    confirmed = confirm_number(api, token, code_at(sinch, new))
    assert (confirmed.status_code, confirmed.json["phoneNumber"]) == (200, new)
    assert number_of(app, ada) == (new, True)
    assert api.get("/profile", token=token).json["user"]["phoneNumber"] == new
    assert [event.event for event in events(app)][-2:] == ["phone.changed", "session.renewed"]
    assert confirm_number(api, token, code_at(sinch, new)).status_code == 401


def test_a_change_wants_a_fresh_sign_in(api: Api, sinch: Simulator, time: Time, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]
    time.advance(601)
    for response in (ask_for_number(api, token, new_number()), confirm_number(api, token, "1234")):
        assert (response.status_code, response.json["code"]) == (403, "step_up_required")
    assert api.post("/account/phone", {"phoneNumber": new_number()}).status_code == 401


def test_the_own_number_is_no_change(api: Api, sinch: Simulator, ada: Person) -> None:
    response = ask_for_number(api, sign_in(api, sinch, ada)["token"], ada.phone_number)
    assert (response.status_code, response.json["code"]) == (409, "phone_unchanged")


@pytest.mark.parametrize("body", [{}, {"phoneNumber": "12"}, {"phoneNumber": "+14155552671", "role": 1}])
def test_what_is_no_number_is_refused(api: Api, sinch: Simulator, ada: Person, body: dict[str, object]) -> None:
    assert api.post("/account/phone", body, token=sign_in(api, sinch, ada)["token"]).status_code == 400


def test_a_code_for_a_change_shares_the_cooldown_and_works_nowhere_else(
    api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    token, new = sign_in(api, sinch, ada)["token"], new_number()
    time.advance(COOLDOWN)
    assert ask_for_number(api, token, new).status_code == 200
    assert api.post("/auth/request-otp", {"email": ada.email}).json["code"] == "otp_cooldown"
    code = code_at(sinch, new)
    assert api.post("/auth/verify-otp", {"email": ada.email, "otpCode": code}).status_code == 401
    time.advance(COOLDOWN)
    other = sign_in(api, sinch, ada)["token"]
    assert confirm_number(api, other, code).status_code == 401


def test_other_sessions_and_sign_ins_end_and_the_old_number_gets_no_codes(
    api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    elsewhere = sign_in(api, sinch, ada)
    time.advance(COOLDOWN)
    tokens = sign_in(api, sinch, ada)
    time.advance(COOLDOWN)
    challenge, old_code = log_in(api, ada)["challengeToken"], code_on_phone(sinch, ada)
    time.advance(COOLDOWN)
    new = new_number()
    change_number(api, sinch, tokens["token"], new)
    assert api.get("/profile", token=elsewhere["token"]).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": elsewhere["refreshToken"]}).status_code == 401
    assert api.post("/auth/verify-otp", {"challengeToken": challenge, "otpCode": old_code}).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 200
    time.advance(COOLDOWN)
    sign_in(api, sinch, Person(ada.id, ada.email, new))
    assert len(sinch.inbox(ada.phone_number)) == 3


def test_a_number_that_another_has_is_not_told_and_taken_by_proof(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    owner = make_person(app)
    owners = sign_in(api, sinch, owner)
    token = sign_in(api, sinch, ada)["token"]
    time.advance(COOLDOWN)
    assert ask_for_number(api, token, owner.phone_number).status_code == 200
    assert number_of(app, owner) == (owner.phone_number, True)
    assert confirm_number(api, token, code_on_phone(sinch, owner)).status_code == 200
    assert number_of(app, owner) == (None, False)
    assert number_of(app, ada) == (owner.phone_number, True)
    assert len(letters(api, owner.email, "number_lost")) == 1
    assert owner.phone_number not in str(letters(api, owner.email, "number_lost"))
    assert api.get("/account/events", token=owners["token"]).status_code == 401
    token = refreshed(api, owners["refreshToken"])["token"]
    assert api.get("/profile", token=token).status_code == 403
    assert api.get("/account/events", token=token).status_code == 200


def test_a_pending_change_keeps_nobody_from_the_number(api: Api, sinch: Simulator, time: Time, ada: Person) -> None:
    token, new = sign_in(api, sinch, ada)["token"], new_number()
    time.advance(COOLDOWN)
    ask_for_number(api, token, new)
    adas_code = code_at(sinch, new)
    details = new_details(phoneNumber=new)
    assert api.post("/auth/register", details).status_code == 201
    api.post("/auth/request-otp", {"email": details["email"]})
    proven = api.post("/auth/verify-otp", {"email": details["email"], "otpCode": code_at(sinch, new)})
    assert proven.status_code == 200
    assert confirm_number(api, token, adas_code).status_code == 401, "its code was on the way before the proof"


def test_of_20_people_who_change_to_one_number_at_once_one_has_it(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    people, new = [make_person(app) for _ in range(8)], new_number()
    tokens = [sign_in(api, sinch, person)["token"] for person in people]
    time.advance(COOLDOWN)
    codes = []
    for token in tokens:
        assert ask_for_number(api, token, new).status_code == 200
        codes.append(code_at(sinch, new))
    answers = at_once(8, lambda number: confirm_number(api, tokens[number], codes[number]).status_code)
    assert answers.count(200) >= 1
    assert set(answers) <= {200, 401}, answers
    assert [number_of(app, person) for person in people].count((new, True)) == 1


def test_an_undo_gives_the_old_number_back_and_ends_all_sessions(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    tokens, new = sign_in_and_change(api, sinch, time, ada)
    (letter,) = letters(api, ada.email, "phone_change_undo")
    assert letter["link"].startswith("http://127.0.0.1:8000/undo-phone-change#token=lk_")
    assert "72 hours" in letter["text"]
    assert new not in letter["text"]
    time.advance(HOURS_72 - 60)
    assert undo(api, undo_token(api, ada)) == 200
    assert number_of(app, ada) == (ada.phone_number, True)
    assert api.get("/profile", token=tokens["token"]).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": tokens["refreshToken"]}).status_code == 401
    assert events(app)[-1].event == "phone.change_undone"
    sign_in(api, sinch, ada)
    assert api.post("/auth/register", new_details(phoneNumber=new)).status_code == 201


def test_an_undo_works_once_and_not_after_72_hours(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    sign_in_and_change(api, sinch, time, ada)
    token = undo_token(api, ada)
    assert sorted(at_once(5, lambda _: undo(api, token))) == [200, 401, 401, 401, 401]
    time.advance(COOLDOWN)
    sign_in_and_change(api, sinch, time, ada)
    token = undo_token(api, ada)
    time.advance(HOURS_72 + 1)
    assert undo(api, token) == 401
    assert undo(api, "lk_nonsense") == 401


def test_a_second_change_does_not_disarm_the_first_undo(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    tokens, _ = sign_in_and_change(api, sinch, time, ada)
    first = undo_token(api, ada)
    time.advance(COOLDOWN)
    change_number(api, sinch, tokens["token"], new_number())
    second = undo_token(api, ada)
    assert undo(api, first) == 200
    assert number_of(app, ada) == (ada.phone_number, True)
    assert undo(api, second) == 401, "what it undoes is undone"


def test_undone_step_by_step_each_link_leads_one_number_back(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    tokens, first_new = sign_in_and_change(api, sinch, time, ada)
    first = undo_token(api, ada)
    time.advance(COOLDOWN)
    change_number(api, sinch, tokens["token"], new_number())
    assert undo(api, undo_token(api, ada)) == 200
    assert number_of(app, ada) == (first_new, True)
    assert undo(api, first) == 200
    assert number_of(app, ada) == (ada.phone_number, True)


def test_whoever_has_proven_the_old_number_since_keeps_it(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    _, new = sign_in_and_change(api, sinch, time, ada)
    details = new_details(phoneNumber=ada.phone_number)
    assert api.post("/auth/register", details).status_code == 201
    api.post("/auth/request-otp", {"email": details["email"]})
    code = code_on_phone(sinch, ada)
    assert api.post("/auth/verify-otp", {"email": details["email"], "otpCode": code}).status_code == 200
    assert undo(api, undo_token(api, ada)) == 409
    assert number_of(app, ada) == (new, True)


def test_who_only_registered_with_the_old_number_gives_way_to_the_undo(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    sign_in_and_change(api, sinch, time, ada)
    details = new_details(phoneNumber=ada.phone_number)
    assert api.post("/auth/register", details).status_code == 201
    assert undo(api, undo_token(api, ada)) == 200
    assert number_of(app, ada) == (ada.phone_number, True)
    assert api.post("/auth/login", {"email": details["email"], "password": details["password"]}).status_code == 401


def test_the_old_number_is_encrypted_and_forgotten_after_its_time(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    sign_in_and_change(api, sinch, time, ada)
    statement = select(PhoneChange.sealed_number)
    with app.app_context():
        assert ada.phone_number[1:] not in str(fetch_all(statement))
        retention.run()
        assert len(fetch_all(statement)) == 1
        time.advance(HOURS_72 + 1)
        retention.run()
        assert fetch_all(statement) == []


def test_who_has_no_number_takes_one_without_a_way_back(
    app: Flask, api: Api, sinch: Simulator, time: Time, ada: Person
) -> None:
    thief = make_person(app)
    tokens = sign_in(api, sinch, ada)
    thiefs = sign_in(api, sinch, thief)["token"]
    time.advance(COOLDOWN)
    change_number(api, sinch, thiefs, ada.phone_number)
    new = new_number()
    change_number(api, sinch, refreshed(api, tokens["refreshToken"])["token"], new)
    assert number_of(app, ada) == (new, True)
    assert [letter["template"] for letter in letters(api, ada.email)][:2] == ["phone_changed", "number_lost"]
