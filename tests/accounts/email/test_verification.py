"""POST /auth/verify-email and /auth/verify-email/resend: the address that somebody registered with."""

from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import email_verification, users
from otp_service.audit import COMMAND_LINE
from otp_service.core.crypto.secrets import read_typed_code
from otp_service.core.database.transactions import transaction
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters, token_sent
from tests.api import Api, is_refused
from tests.conftest import MakeApp, Time
from tests.environments import PRODUCTION
from tests.factories import Person, make_person, new_details, sign_in
from tests.parallel import at_once

DAY = 86_400


@pytest.fixture
def ada(api: Api) -> Person:
    """Somebody who just registered."""
    details = new_details()
    answer = api.post("/auth/register", details)
    return Person(answer.json["userId"], details["email"], details["phoneNumber"])


def open_link(api: Api, token: Any) -> Any:
    return api.post("/auth/verify-email", {"token": token})


def is_verified(api: Api, sign_in: dict[str, Any]) -> bool:
    return bool(api.get("/profile", token=sign_in["token"]).json["user"]["emailVerified"])


def test_the_link_of_a_registration_proves_the_address(api: Api, sinch: Simulator, ada: Person) -> None:
    signed_in = sign_in(api, sinch, ada)
    assert not is_verified(api, signed_in)
    response = open_link(api, token_sent(api, ada.email))
    assert (response.status_code, response.json) == (200, {"message": "Email address verified."})
    assert is_verified(api, signed_in)
    events = api.get("/account/events", token=signed_in["token"]).json["events"]
    assert events[0]["event"] == "email.verified"


def test_the_message_has_a_link_to_our_own_page_and_a_code(api: Api, ada: Person) -> None:
    (letter,) = letters(api, ada.email)
    token = token_sent(api, ada.email)
    assert letter["link"] == f"http://127.0.0.1:8000/verify-email#token={token}"
    assert any(read_typed_code(part) for part in letter["text"].split("\n\n"))
    assert "within 24 hours" in letter["text"]


def test_a_link_is_built_from_the_first_frontend_url_whatever_the_host_header_says(make_app: MakeApp) -> None:
    origins = "https://app.example.com, https://other.example.com"
    api, details = Api(make_app(FRONTEND_URL=origins)), new_details()
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}
    assert api.post("/auth/register", details, headers=headers).status_code == 201
    (letter,) = letters(api, details["email"])
    assert letter["link"].startswith("https://app.example.com/verify-email#token=lk_")
    assert "evil" not in letter["text"]


def test_without_a_page_in_production_the_message_has_the_code_alone(
    make_app: MakeApp, environment: dict[str, str], api: Api
) -> None:
    own = {name: environment[name] for name in ("DATABASE_URL", "INSTANCE_DIR")}
    key = {"ENCRYPTION_KEY": PRODUCTION["ENCRYPTION_KEY"]}
    production = Api(make_app(**{**PRODUCTION, **own, "SINCH_BASE_URL": "", "REDIS_URL": "", "FRONTEND_URL": ""}))
    details = new_details()
    assert production.post("/auth/register", details).status_code == 201
    (letter,) = letters(Api(make_app(**key)), details["email"])  # read by an application that shows mail
    assert letter["link"] is None
    code = next(part for part in letter["text"].split("\n\n") if read_typed_code(part))
    assert open_link(production, code).status_code == 200


def test_a_registration_that_fails_sends_no_link_that_verifies(api: Api, ada: Person) -> None:
    assert api.post("/auth/register", new_details(phoneNumber=ada.phone_number)).status_code == 409
    assert api.post("/auth/register", new_details(email=ada.email)).status_code == 409
    sent = [letter["template"] for letter in api.get("//mail.json").json["messages"]]
    assert sent == ["address_held", "address_verification"]


def test_a_link_works_once(api: Api, ada: Person) -> None:
    token = token_sent(api, ada.email)
    answers = at_once(20, lambda _: open_link(api, token).status_code)
    assert sorted(answers) == [200] + [401] * 19
    assert is_refused(open_link(api, token))


@pytest.mark.parametrize(("seconds", "status"), [(DAY - 60, 200), (DAY + 1, 401)])
def test_a_link_works_for_a_day(app: Flask, api: Api, time: Time, seconds: int, status: int) -> None:
    person = make_person(app)  # whose registration is not released meanwhile
    with app.app_context(), transaction():
        email_verification.send_first(users.get(person.id), client=COMMAND_LINE)
    token = token_sent(api, person.email)
    time.advance(seconds)
    assert open_link(api, token).status_code == status


@pytest.mark.parametrize("spelling", ["{} ", " {}", "{}=", "{}\n", "x{}"])
def test_a_token_has_one_spelling(api: Api, ada: Person, spelling: str) -> None:
    token = token_sent(api, ada.email)
    assert is_refused(open_link(api, spelling.format(token)))
    assert is_refused(open_link(api, token.swapcase()))


@pytest.mark.parametrize("token", [None, True, 7, [], {}, ""])
@pytest.mark.one_database
def test_what_is_no_token_is_a_fault_of_the_field(api: Api, token: Any) -> None:
    response = open_link(api, token)
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "token")


def test_a_token_in_the_address_is_ignored(api: Api, ada: Person) -> None:
    token = token_sent(api, ada.email)
    assert api.post(f"/auth/verify-email?token={token}", {}).status_code == 400
    assert api.get(f"/auth/verify-email?token={token}").status_code == 405


def test_a_locked_account_proves_nothing(app: Flask, api: Api, ada: Person) -> None:
    with app.app_context():
        users.lock(ada.id)
    assert is_refused(open_link(api, token_sent(api, ada.email)))


def test_a_new_link_can_be_asked_for_and_kills_the_earlier_one(api: Api, sinch: Simulator, ada: Person) -> None:
    signed_in, first = sign_in(api, sinch, ada), token_sent(api, ada.email)
    response = api.post("/auth/verify-email/resend", token=signed_in["token"])
    assert (response.status_code, response.json) == (202, {"message": "A link is on its way to your email address."})
    assert is_refused(open_link(api, first))
    assert open_link(api, token_sent(api, ada.email)).status_code == 200


def test_nothing_is_left_to_ask_for_once_the_address_is_proven(api: Api, sinch: Simulator, ada: Person) -> None:
    signed_in = sign_in(api, sinch, ada)
    open_link(api, token_sent(api, ada.email))
    response = api.post("/auth/verify-email/resend", token=signed_in["token"])
    assert (response.status_code, response.json["code"]) == (409, "email_already_verified")


def test_links_can_be_asked_for_once_in_two_minutes_and_five_times_an_hour(
    api: Api, sinch: Simulator, ada: Person, time: Time
) -> None:
    token = sign_in(api, sinch, ada)["token"]
    for _ in range(5):
        assert api.post("/auth/verify-email/resend", token=token).status_code == 202
        early = api.post("/auth/verify-email/resend", token=token)
        assert (early.status_code, early.json["code"]) == (429, "email_link_limit")
        assert early.headers["Retry-After"] == str(early.json["retryAfter"])
        assert 110 < early.json["retryAfter"] <= 120
        time.advance(121)
    late = api.post("/auth/verify-email/resend", token=token)
    assert late.status_code == 429
    assert 2_900 < late.json["retryAfter"] < 3_600  # until the first request has left the sliding hour


def test_of_parallel_requests_for_a_link_one_is_sent(api: Api, sinch: Simulator, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]
    answers = at_once(10, lambda _: api.post("/auth/verify-email/resend", token=token).status_code)
    assert sorted(answers) == [202] + [429] * 9
    assert len(letters(api, ada.email)) == 2


def test_messages_are_in_the_persons_language(api: Api, sinch: Simulator, ada: Person) -> None:
    token = sign_in(api, sinch, ada)["token"]
    api.send("PATCH", "/profile", token=token, json={"locale": "de-AT"})
    api.post("/auth/verify-email/resend", token=token)
    assert letters(api, ada.email)[0]["subject"] == "Bestätigen Sie Ihre E-Mail-Adresse"
