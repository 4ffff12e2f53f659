"""Each kind of token opens its own door only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from otp_service.auth import password_links
from otp_service.core.crypto.secrets import new_token
from otp_service.simulator import Simulator
from tests.accounts.email.letters import token_sent
from tests.api import Api, is_refused
from tests.factories import code_on_phone, log_in, make_person, new_details
from tests.sessions.conftest import SignedIn

pytestmark = pytest.mark.one_database

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
LINKS = ("verification link", "change link", "password link")
RANDOM = ("random refresh", "random challenge", "random link")
KINDS = ("access", "refresh", "challenge", *LINKS, *RANDOM, "session id", "user id")


@dataclass(frozen=True)
class Held:
    """A token of every kind, each good in its own place, and the code that goes with the challenge."""

    tokens: dict[str, str]
    code: str


@pytest.fixture
def held(app: Flask, api: Api, sinch: Simulator, alice: SignedIn) -> Held:
    challenged = make_person(app)
    tokens = {
        "access": alice.token,
        "refresh": alice.refresh_token,
        "challenge": log_in(api, challenged)["challengeToken"],
        **links_of(app, api, alice),
        **dict(zip(RANDOM, map(new_token, ("rt", "ch", "lk")), strict=True)),
        "session id": alice.answer["sessionId"],
        "user id": str(alice.person.id),
    }
    return Held(tokens, code_on_phone(sinch, challenged))


def links_of(app: Flask, api: Api, alice: SignedIn) -> dict[str, str]:
    """A link of every purpose."""
    new = new_details()["email"]
    assert api.post("/auth/verify-email/resend", token=alice.token).status_code == 202
    assert api.post("/account/email", {"email": new}, token=alice.token).status_code == 202
    with app.app_context():
        password_link = password_links.issue(alice.person.id)
    return dict(zip(LINKS, (token_sent(api, alice.person.email), token_sent(api, new), password_link), strict=True))


def routes_for_signed_in_people(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], "needs_token", False):
            path = re.sub(r"<(\w+:)?\w+>", lambda found: UNKNOWN_ID if found[1] == "id:" else "1", rule.rule)
            yield from ((method, f"/{path}") for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "access"])
def test_every_route_for_signed_in_people_refuses_all_but_access_tokens(
    app: Flask, api: Api, held: Held, kind: str
) -> None:
    routes = list(routes_for_signed_in_people(app))
    assert ("GET", "//api/v1/profile") in routes
    assert ("POST", "//api/v1/auth/logout") in routes
    for method, path in routes:
        assert is_refused(api.send(method, path, token=held.tokens[kind], json={})), (method, path)


def test_every_route_for_signed_in_people_wants_a_token(app: Flask, api: Api) -> None:
    for method, path in routes_for_signed_in_people(app):
        response = api.send(method, path, json={})
        assert (response.status_code, response.json["message"]) == (401, "Access token required."), (method, path)


@pytest.mark.parametrize("kind", KINDS)
def test_profile_and_logout_take_access_tokens_only(api: Api, held: Held, kind: str) -> None:
    token = held.tokens[kind]
    expected = [200, 204] if kind == "access" else [401, 401]
    assert [api.get("/profile", token=token).status_code, api.post("/auth/logout", token=token).status_code] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_refresh_takes_refresh_tokens_only(api: Api, held: Held, kind: str) -> None:
    response = api.post("/auth/refresh", {"refreshToken": held.tokens[kind]})
    assert response.status_code == (200 if kind == "refresh" else 401)


@pytest.mark.parametrize("kind", KINDS)
def test_verify_otp_takes_challenge_tokens_only(api: Api, held: Held, kind: str) -> None:
    body = {"challengeToken": held.tokens[kind], "otpCode": held.code}
    response = api.post("/auth/verify-otp", body)
    assert response.status_code == (200 if kind == "challenge" else 401)


@pytest.mark.parametrize("kind", KINDS)
def test_request_otp_takes_challenge_tokens_only(api: Api, held: Held, sinch: Simulator, kind: str) -> None:
    response = api.post("/auth/request-otp", {"challengeToken": held.tokens[kind]})
    assert response.status_code == (429 if kind == "challenge" else 401)


@pytest.mark.parametrize("kind", KINDS)
def test_verify_email_takes_links_to_addresses_only(api: Api, held: Held, kind: str) -> None:
    response = api.post("/auth/verify-email", {"token": held.tokens[kind]})
    expected = {"verification link": 200, "change link": 403}  # a change wants the session or the password as well
    assert response.status_code == expected.get(kind, 401)


@pytest.mark.parametrize("kind", KINDS)
def test_set_password_takes_links_to_set_a_password_only(api: Api, held: Held, kind: str) -> None:
    response = api.post("/auth/set-password", {"token": held.tokens[kind], "newPassword": "Another-Horse-8"})
    assert response.status_code == (204 if kind == "password link" else 401)


@pytest.mark.parametrize(
    "route", ["refresh", "request-otp", "verify-otp", "login", "register", "verify-email", "set-password"]
)
def test_a_bearer_token_changes_nothing_on_routes_that_take_none(api: Api, held: Held, route: str) -> None:
    with_token = api.post(f"/auth/{route}", {}, token=held.tokens["access"])
    assert with_token.status_code == api.post(f"/auth/{route}", {}).status_code == 400


@pytest.mark.parametrize("spelling", ["{} ", " {}", "{}=", "{}\n", "x{}"])
@pytest.mark.parametrize(("kind", "route", "field"), [
    ("refresh", "refresh", "refreshToken"), ("challenge", "request-otp", "challengeToken"),
])  # fmt: skip
def test_an_opaque_token_has_one_spelling(
    api: Api, held: Held, kind: str, route: str, field: str, spelling: str
) -> None:
    assert is_refused(api.post(f"/auth/{route}", {field: spelling.format(held.tokens[kind])}))


def test_the_letter_case_of_an_opaque_token_matters(api: Api, held: Held) -> None:
    assert is_refused(api.post("/auth/refresh", {"refreshToken": held.tokens["refresh"].swapcase()}))
