"""The short code in an e-mail, for people who type it: it does what the link does, and can hardly be guessed."""

import re
from typing import Any

import pytest
from flask import Flask

from otp_service.accounts.links import CODES_IN_ALL, CODES_PER_SITE
from otp_service.accounts.settings import LinkSettings
from otp_service.core.services import services_of
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters, token_sent
from tests.api import Api, is_refused
from tests.conftest import MakeApp, Time
from tests.environments import give
from tests.factories import make_person, new_details, sign_in
from tests.parallel import at_once

CODE = re.compile(r"^[BCDFGHJKLMNPQRSTVWXZ]{8}$", re.MULTILINE)
HOUR = 3_600


def code_sent(api: Api, to: str, template: str = "address_verification") -> str:
    """The first code in the newest message of a kind."""
    found = CODE.search(str(letters(api, to, template)[0]["text"]))
    assert found is not None
    return found[0]


def registered(api: Api) -> str:
    """The address of a new registration."""
    details = new_details()
    assert api.post("/auth/register", details).status_code == 201
    return str(details["email"])


def verify(api: Api, token: str, *, access: str | None = None, ip: str = "203.0.113.7") -> Any:
    return api.post("/auth/verify-email", {"token": token}, token=access, environ_overrides={"REMOTE_ADDR": ip})


@pytest.mark.parametrize("typed", [str, str.lower, lambda code: f" {code[:4]}-{code[4:]} "])
def test_a_typed_code_verifies_the_address(api: Api, typed: Any) -> None:
    email = registered(api)

    response = verify(api, typed(code_sent(api, email)))

    assert (response.status_code, response.json["message"]) == (200, "Email address verified.")


def test_beside_its_links_a_message_shows_one_code_and_no_long_token(api: Api) -> None:
    text = str(letters(api, registered(api))[0]["text"])

    assert len(CODE.findall(text)) == 1
    assert [line for line in text.split("\n") if line.startswith("lk_")] == []


def test_without_pages_a_message_has_a_code_for_each_act(make_app: MakeApp) -> None:
    app = make_app()
    give(app, settings=services_of(app).settings.with_section(LinkSettings(origin=None)))
    api = Api(app)
    text = str(letters(api, registered(api))[0]["text"])
    verification, release = CODE.findall(text)

    assert "http" not in text
    assert is_refused(verify(api, release))
    assert api.post("/auth/release-email", {"token": release.lower()}).status_code == 200
    assert is_refused(verify(api, verification))


@pytest.mark.parametrize("is_code_first", [True, False])
def test_code_and_link_end_together(api: Api, is_code_first: bool) -> None:
    email = registered(api)
    pair = [code_sent(api, email), token_sent(api, email)]
    first, second = pair if is_code_first else reversed(pair)

    assert verify(api, first).status_code == 200
    assert is_refused(verify(api, second))


def test_of_link_and_code_at_once_one_wins(api: Api) -> None:
    email = registered(api)
    pair = [code_sent(api, email), token_sent(api, email)]

    responses = at_once(8, lambda number: verify(api, pair[number % 2]))

    assert sorted(response.status_code for response in responses) == [200] + [401] * 7


def test_a_newer_message_ends_the_code_of_an_older_one(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    access = str(sign_in(api, sinch, person)["token"])
    api.post("/auth/verify-email/resend", token=access)
    older = code_sent(api, person.email)
    time.advance(121)
    api.post("/auth/verify-email/resend", token=access)

    assert is_refused(verify(api, older))
    assert verify(api, code_sent(api, person.email)).status_code == 200


def test_a_typed_code_confirms_a_change_in_the_session_that_asked(app: Flask, api: Api, sinch: Simulator) -> None:
    access = str(sign_in(api, sinch, make_person(app))["token"])
    new = str(new_details()["email"])
    assert api.post("/account/email", {"email": new}, token=access).status_code == 202

    code = code_sent(api, new, "address_change")

    assert verify(api, code).status_code == 403
    assert verify(api, code, access=access).json["message"] == "Email address changed."


def test_tries_of_codes_are_limited_for_a_network_and_links_are_not(api: Api, time: Time) -> None:
    email = registered(api)
    code, wrong = code_sent(api, email), "BBBBBBBB"

    statuses = [verify(api, wrong, ip=f"203.0.113.{number}").status_code for number in range(CODES_PER_SITE + 1)]

    assert statuses == [401] * CODES_PER_SITE + [429]
    assert verify(api, code).status_code == 429
    assert verify(api, code, ip="198.51.100.7").status_code == 200
    assert verify(api, token_sent(api, registered(api))).status_code == 200
    time.advance(HOUR)
    assert verify(api, wrong).status_code == 401


def test_what_cannot_be_a_code_costs_no_try(api: Api) -> None:
    code = code_sent(api, registered(api))

    assert all(is_refused(verify(api, text)) for text in ["lk_wrong", "ABCDEFGH", "12345678"] * CODES_PER_SITE)

    assert verify(api, code).status_code == 200


def test_guessing_all_day_long_finds_a_code_less_than_once_in_100_000_days() -> None:
    guesses_a_day = 24 * CODES_IN_ALL
    assert 20**8 / guesses_a_day > 100_000
