"""People with sessions, and what they do with their passkeys."""

from typing import Any

import pytest
from flask import Flask

from tests.api import Answer, Api
from tests.factories import Person, log_in
from tests.factors.webauthn.authenticator import HONEST, Authenticator, Lies
from tests.sessions.conftest import SignedIn, bob, stepped_up
from tests.sessions.conftest import alice as signed_in_by_phone

__all__ = ["bob", "signed_in_by_phone"]

REFUSAL = (401, "passkey_invalid", "Invalid or expired passkey.")


@pytest.fixture
def alice(app: Flask, signed_in_by_phone: SignedIn) -> SignedIn:
    """A person whose session may add and remove passkeys at once."""
    return stepped_up(app, signed_in_by_phone, "hwk", "user")


def creation_options(api: Api, who: SignedIn) -> dict[str, Any]:
    response = api.post("/factors/webauthn/options", token=who.token)
    assert response.status_code == 200, response.json
    return dict(response.json)


def enrol(api: Api, who: SignedIn, authenticator: Authenticator, *, name: str = "Key", lies: Lies = HONEST) -> Answer:
    """Both steps of an enrolment."""
    credential = authenticator.create(creation_options(api, who), lies)
    return api.post("/factors/webauthn", {"credential": credential, "name": name}, token=who.token)


def enrolled(api: Api, who: SignedIn, **options: Any) -> Authenticator:
    """A key that is enrolled."""
    authenticator = Authenticator(**options)
    response = enrol(api, who, authenticator)
    assert response.status_code == 201, response.json
    return authenticator


def sign_in_options(api: Api, challenge_token: str) -> dict[str, Any]:
    response = api.post("/auth/mfa/webauthn/options", {"challengeToken": challenge_token})
    assert response.status_code == 200, response.json
    return dict(response.json)


def begin(api: Api, person: Person) -> tuple[str, dict[str, Any]]:
    """The challenge that the password earns, and the options for it."""
    token = log_in(api, person)["challengeToken"]
    return token, sign_in_options(api, token)


def answer(api: Api, challenge_token: str, credential: dict[str, Any]) -> Answer:
    return api.post("/auth/mfa/webauthn", {"challengeToken": challenge_token, "credential": credential})


def passkey_options(api: Api) -> dict[str, Any]:
    response = api.post("/auth/passkey/options", {})
    assert response.status_code == 200, response.json
    return dict(response.json)


def passkey(api: Api, credential: dict[str, Any]) -> Answer:
    return api.post("/auth/passkey", {"credential": credential})


def refusal(response: Answer) -> tuple[int, str, str]:
    """What a client sees of a refusal."""
    return response.status_code, response.json["code"], response.json["message"]
