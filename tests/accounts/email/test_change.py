"""POST /account/email: the address changes once the new one is proven."""

from time import perf_counter
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts import notices, users
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.even_timing import EvenTiming
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters, token_sent
from tests.accounts.phones import change_number
from tests.api import Api, is_refused
from tests.conftest import MakeApp, Time
from tests.environments import give
from tests.factories import PASSWORD, Person, log_in, make_person, new_details, new_number, sign_in
from tests.parallel import at_once
from tests.strangers import stranger

DAY, COOLDOWN = 86_400, 121
PACE_SECONDS = 0.2


def new_address() -> str:
    return str(new_details()["email"])


@pytest.fixture
def ada(app: Flask) -> Person:
    return make_person(app)


@pytest.fixture
def token(api: Api, sinch: Simulator, ada: Person) -> str:
    """Ada's access token."""
    return str(sign_in(api, sinch, ada)["token"])


def ask(api: Api, token: str, email: Any) -> Any:
    return api.post("/account/email", {"email": email}, token=token)


def ask_for_link(api: Api, token: str, email: str) -> str:
    """The token that was sent to the new address."""
    response = ask(api, token, email)
    assert response.status_code == 202, response.json
    return token_sent(api, email)


def prove(api: Api, link: str, token: str | None = None, **more: Any) -> Any:
    """Open a link: in the session of an access token, or in a browser that is not signed in."""
    return api.post("/auth/verify-email", {"token": link, **more}, token=token)


def user_of(api: Api, token: str) -> dict[str, Any]:
    return dict(api.get("/profile", token=token).json["user"])


def test_the_address_changes_when_the_new_one_is_proven_and_not_before(api: Api, ada: Person, token: str) -> None:
    new = new_address()
    response = ask(api, token, new.upper())
    assert (response.status_code, set(response.json)) == (202, {"message"})
    assert user_of(api, token)["email"] == ada.email
    proven = prove(api, token_sent(api, new), token)
    assert (proven.status_code, proven.json["message"]) == (200, "Email address changed.")
    user = user_of(api, token)
    assert (user["email"], user["emailVerified"]) == (new, True)
    assert api.post("/auth/login", ada.credentials).status_code == 401
    assert api.post("/auth/login", {"email": new, "password": PASSWORD}).status_code == 200


def test_the_old_address_is_told(api: Api, ada: Person, token: str) -> None:
    new = new_address()
    prove(api, ask_for_link(api, token, new), token)
    (notice,) = letters(api, ada.email)
    assert notice["template"] == "email_changed"
    assert new not in notice["text"]
    assert f"{new[0]}***@example.com" in notice["text"]
    assert [letter["template"] for letter in letters(api, new)] == ["address_change"]
    events = [event["event"] for event in api.get("/account/events", token=token).json["events"]]
    assert events[:3] == ["session.renewed", "email.changed", "email.change_requested"]


def test_the_other_sessions_end_and_the_one_that_asked_goes_on(
    api: Api, sinch: Simulator, ada: Person, token: str, time: Time
) -> None:
    time.advance(COOLDOWN)
    other = sign_in(api, sinch, ada)
    prove(api, ask_for_link(api, token, new_address()), token)
    assert user_of(api, token)["emailVerified"]
    assert api.get("/profile", token=other["token"]).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": other["refreshToken"]}).status_code == 401


def test_a_challenge_that_was_earned_under_the_old_address_is_void(
    api: Api, sinch: Simulator, ada: Person, token: str, time: Time
) -> None:
    time.advance(COOLDOWN)
    challenge = log_in(api, ada)["challengeToken"]
    prove(api, ask_for_link(api, token, new_address()), token)
    assert is_refused(api.post("/auth/request-otp", {"challengeToken": challenge}))


def test_links_to_the_old_address_prove_nothing_after_a_change(
    api: Api, token: str, ada: Person, sinch: Simulator
) -> None:
    assert api.post("/auth/verify-email/resend", token=token).status_code == 202
    old = token_sent(api, ada.email)
    prove(api, ask_for_link(api, token, new_address()), token)
    assert is_refused(prove(api, old))


def test_failed_sign_ins_follow_to_the_new_address(
    api: Api, sinch: Simulator, ada: Person, token: str, time: Time
) -> None:
    new = new_address()
    link = ask_for_link(api, token, new)
    for _ in range(4):
        api.post("/auth/login", {**ada.credentials, "password": "wrong"})
    assert prove(api, link, token).status_code == 200
    assert api.post("/auth/login", {"email": new, "password": "wrong"}).status_code == 401
    assert api.post("/auth/login", {"email": new, "password": PASSWORD}).status_code == 429
    assert api.post("/auth/login", ada.credentials).status_code == 401


def test_a_wait_that_runs_at_the_new_address_is_not_shortened(app: Flask, api: Api, token: str) -> None:
    new, other = new_address(), stranger(app)
    link = ask_for_link(api, token, new)
    for _ in range(5):
        other.post("/auth/login", {"email": new, "password": "wrong"})
    assert prove(api, link, token).status_code == 200
    assert other.post("/auth/login", {"email": new, "password": PASSWORD}).status_code == 429


def test_it_takes_a_fresh_sign_in(api: Api, sinch: Simulator, ada: Person, time: Time) -> None:
    signed_in = sign_in(api, sinch, ada)
    time.advance(660)
    token = api.post("/auth/refresh", {"refreshToken": signed_in["refreshToken"]}).json["token"]
    response = ask(api, token, new_address())
    assert (response.status_code, response.json["code"]) == (403, "step_up_required")
    assert ask(api, "", new_address()).status_code == 401


@pytest.mark.parametrize("email", [None, True, 7, [], {}, "", "nobody", "a@b", "a@b.example\r\nBcc: c@d.example"])
@pytest.mark.one_database
def test_what_is_no_address_is_a_fault_of_the_field(api: Api, token: str, email: Any) -> None:
    response = ask(api, token, email)
    assert (response.status_code, response.json["errors"][0]["field"]) == (400, "email")


def test_the_own_address_is_nothing_to_change_to(api: Api, ada: Person, token: str) -> None:
    response = ask(api, token, ada.email.upper())
    assert (response.status_code, response.json["code"]) == (409, "email_unchanged")


def test_another_ones_address_is_taken_and_its_owner_told_once_a_day(app: Flask, api: Api, token: str) -> None:
    bob = make_person(app)
    for _ in range(2):
        response = ask(api, token, bob.email)
        assert (response.status_code, response.json["code"]) == (409, "email_taken")
    assert [letter["template"] for letter in letters(api, bob.email)] == ["address_held"]


def test_only_the_newest_change_counts(api: Api, token: str) -> None:
    first, second = new_address(), new_address()
    earlier, later = ask_for_link(api, token, first), ask_for_link(api, token, second)
    assert is_refused(prove(api, earlier, token))
    assert prove(api, later, token).status_code == 200
    assert user_of(api, token)["email"] == second


def test_a_pending_change_blocks_nobody(api: Api, token: str) -> None:
    new = new_address()
    link = ask_for_link(api, token, new)
    assert api.post("/auth/register", new_details(email=new)).status_code == 201
    assert api.post("/auth/verify-email", {"token": token_sent(api, new)}).status_code == 200
    response = prove(api, link, token)
    assert (response.status_code, response.json["code"]) == (409, "email_taken")
    assert user_of(api, token)["email"] != new


def test_a_change_deletes_no_registration_and_the_registration_wins_once_it_is_verified(
    api: Api, sinch: Simulator, token: str
) -> None:
    details = new_details()
    link = ask_for_link(api, token, details["email"])
    assert api.post("/auth/register", details).status_code == 201

    refusals = [prove(api, link, token), prove(api, link, password=PASSWORD), ask(api, token, details["email"])]

    assert [(one.status_code, one.json["code"]) for one in refusals] == [(409, "email_taken")] * 3
    assert prove(api, token_sent(api, details["email"])).json == {"message": "Email address verified."}
    assert prove(api, link, token).status_code == 409
    assert user_of(api, token)["email"] != details["email"]
    assert api.post("/auth/login", {"email": details["email"], "password": PASSWORD}).status_code == 200


def test_an_address_is_free_again_once_the_time_of_its_registration_is_over(
    api: Api, sinch: Simulator, ada: Person, token: str, time: Time
) -> None:
    details = new_details()
    assert api.post("/auth/register", details).status_code == 201
    time.advance(DAY + 1)
    token = str(sign_in(api, sinch, ada)["token"])

    response = prove(api, ask_for_link(api, token, details["email"]), token)

    assert response.json["message"] == "Email address changed."


def test_who_reads_the_mailbox_but_did_not_ask_changes_nothing(
    app: Flask, api: Api, sinch: Simulator, ada: Person, token: str
) -> None:
    bob = sign_in(api, sinch, make_person(app))["token"]
    new = new_address()
    link = ask_for_link(api, token, new)

    for who in (None, bob, "forged"):
        response = prove(api, link, who)
        assert (response.status_code, response.json["code"]) == (403, "email_change_unconfirmed")

    assert user_of(api, token)["email"] == ada.email
    assert api.post("/auth/register", new_details(email=new)).status_code == 201


def test_another_session_of_the_account_needs_the_password(
    api: Api, sinch: Simulator, ada: Person, token: str, time: Time
) -> None:
    time.advance(COOLDOWN)
    other = sign_in(api, sinch, ada)["token"]
    link = ask_for_link(api, token, new_address())
    assert prove(api, link, other).json["code"] == "email_change_unconfirmed"

    wrong, right = prove(api, link, other, password="Wrong-Horse-7"), prove(api, link, password=PASSWORD)

    assert (wrong.status_code, wrong.json["code"]) == (401, "invalid_credentials")
    assert (right.status_code, right.json["message"]) == (200, "Email address changed.")


def test_wrong_passwords_for_a_change_count_as_failed_sign_ins(api: Api, ada: Person, token: str) -> None:
    link = ask_for_link(api, token, new_address())

    answers = [prove(api, link, password="Wrong-Horse-7").status_code for _ in range(6)]

    assert answers[:5] == [401] * 5
    assert answers[5] in {401, 429}  # the wait voids the change as well
    assert api.post("/auth/login", ada.credentials).status_code == 429


def test_a_refreshed_token_of_the_session_confirms_the_change(api: Api, sinch: Simulator, ada: Person) -> None:
    signed_in = sign_in(api, sinch, ada)
    link = ask_for_link(api, signed_in["token"], new_address())

    renewed = api.post("/auth/refresh", {"refreshToken": signed_in["refreshToken"]}).json["token"]

    assert prove(api, link, renewed).status_code == 200


@pytest.mark.parametrize("locale", ["en", "de", "es"])
def test_the_mail_about_a_change_names_the_account_and_looks_unlike_that_of_a_registration(
    api: Api, sinch: Simulator, ada: Person, token: str, locale: str
) -> None:
    agent = "Call +1 900 555 0100 now"
    api.send("PATCH", "/profile", token=token, json={"locale": locale, "displayName": "Your bank"})
    api.post("/auth/verify-email/resend", token=token, headers={"User-Agent": agent})
    new = new_address()
    api.post("/account/email", {"email": new}, token=token, headers={"User-Agent": agent})

    (change,), registration = letters(api, new), letters(api, ada.email)[0]

    assert change["subject"] != registration["subject"]
    assert change["text"].split("\n\n")[0] != registration["text"].split("\n\n")[0]
    for letter in (change, registration):
        assert f"******{ada.phone_number[-4:]}" in letter["text"]
        assert "127.0.0.0/24" in letter["text"]
        assert " UTC" in letter["text"]
        assert "900" not in letter["text"]
        assert "bank" not in letter["text"]
        assert ada.phone_number not in letter["text"]


def test_of_two_who_prove_one_address_one_wins(app: Flask, api: Api, sinch: Simulator) -> None:
    for _ in range(8):
        new = new_address()
        tokens = [str(sign_in(api, sinch, make_person(app))["token"]) for _ in range(2)]
        links = [ask_for_link(api, token, new) for token in tokens]
        answers = at_once(2, lambda number: prove(api, links[number], tokens[number]))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        assert {answer.json.get("code") for answer in answers} == {None, "email_taken"}
        assert [user_of(api, token)["email"] for token in tokens].count(new) == 1


def test_of_20_parallel_proofs_by_one_link_one_wins(api: Api, ada: Person, token: str) -> None:
    link = ask_for_link(api, token, new_address())
    answers = at_once(20, lambda _: prove(api, link, token).status_code)
    assert sorted(answers) == [200] + [401] * 19
    assert len(letters(api, ada.email, "email_changed")) == 1


def test_a_link_to_a_new_address_works_for_a_day(api: Api, token: str, time: Time) -> None:
    link = ask_for_link(api, token, new_address())
    time.advance(DAY + 1)
    assert is_refused(prove(api, link))


def test_a_change_that_was_asked_for_before_the_password_was_set_is_void(
    app: Flask, api: Api, ada: Person, token: str
) -> None:
    link = ask_for_link(api, token, new_address())
    runner = app.test_cli_runner()
    reset = runner.invoke(args=["users", "set-password-link", ada.email, "--json"])
    body = {"token": reset.output.partition('"token": "')[2].partition('"')[0], "newPassword": "Another-Horse-8"}
    assert api.post("/auth/set-password", body).status_code == 204
    assert is_refused(prove(api, link))


def test_a_locked_account_changes_nothing(app: Flask, api: Api, ada: Person, token: str) -> None:
    link = ask_for_link(api, token, new_address())
    with app.app_context():
        users.lock(ada.id)
        users.unlock(ada.id)
    assert is_refused(prove(api, link))


def test_an_account_may_ask_for_five_changes_an_hour(api: Api, token: str) -> None:
    for _ in range(5):
        assert ask(api, token, new_address()).status_code == 202
    response = ask(api, token, new_address())
    assert (response.status_code, response.json["code"]) == (429, "email_link_limit")
    assert int(response.headers["Retry-After"]) == response.json["retryAfter"] > 3_500


def test_asking_after_taken_addresses_is_counted(app: Flask, api: Api, token: str) -> None:
    bob = make_person(app)
    answers = [ask(api, token, bob.email).status_code for _ in range(6)]
    assert answers == [409] * 5 + [429]


def test_many_accounts_cannot_fill_one_mailbox(app: Flask, api: Api, sinch: Simulator) -> None:
    new = new_address()
    tokens = [str(sign_in(api, sinch, make_person(app))["token"]) for _ in range(6)]
    assert [ask(api, token, new).status_code for token in tokens] == [202] * 5 + [429]
    assert len(letters(api, new)) == 5


def test_while_existence_is_hidden_a_taken_address_is_answered_like_a_free_one_and_its_owner_told(
    app: Flask, make_app: MakeApp, token: str
) -> None:
    hiding, bob = Api(make_app(HIDE_ACCOUNT_EXISTENCE="true")), make_person(app)
    give(hiding.app, even_timing=EvenTiming(seconds=PACE_SECONDS))
    answers, seconds = [], []
    for email in (new_address(), bob.email, bob.email):
        started = perf_counter()
        response = ask(hiding, token, email)
        seconds.append(perf_counter() - started)
        answers.append((response.status_code, response.data))
    assert len(set(answers)) == 1
    assert answers[0][0] == 202
    assert min(seconds) >= PACE_SECONDS
    assert [letter["template"] for letter in letters(hiding, bob.email)] == ["address_held"]


def test_the_old_address_is_told_of_changes_for_thirty_days(
    app: Flask, api: Api, ada: Person, token: str, time: Time
) -> None:
    new = new_address()
    prove(api, ask_for_link(api, token, new), token)
    add_a_factor(app, ada)
    time.advance(30 * DAY)
    add_a_factor(app, ada)

    assert [letter["template"] for letter in letters(api, ada.email)] == ["factor_added", "email_changed"]
    assert [letter["template"] for letter in letters(api, new)][:2] == ["factor_added", "factor_added"]


def add_a_factor(app: Flask, person: Person) -> None:
    with app.app_context(), transaction():
        notices.notify(person.id, "factor_added", now=clock.now(), factor="totp")


def test_the_old_address_learns_of_a_new_number_without_the_link_that_undoes_it(
    api: Api, sinch: Simulator, ada: Person, token: str, time: Time
) -> None:
    new = new_address()
    access = prove(api, ask_for_link(api, token, new), token).json["token"]
    time.advance(COOLDOWN)

    change_number(api, sinch, access, new_number())

    assert [letter["template"] for letter in letters(api, ada.email)] == ["phone_changed", "email_changed"]
    assert [letter["template"] for letter in letters(api, new)][:1] == ["phone_change_undo"]
