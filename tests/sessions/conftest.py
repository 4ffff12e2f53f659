"""A person with a session, for the tests of tokens."""

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import Person, make_person, sign_in
from tests.sessions.forging import Forge


@dataclass(frozen=True)
class SignedIn:
    """A person and what the sign-in gave."""

    person: Person
    answer: dict[str, Any]

    @property
    def token(self) -> str:
        """The access token."""
        return str(self.answer["token"])

    @property
    def refresh_token(self) -> str:
        """The refresh token."""
        return str(self.answer["refreshToken"])


@pytest.fixture
def alice(app: Flask, api: Api, sinch: Simulator) -> SignedIn:
    """Somebody who just signed in."""
    person = make_person(app)
    return SignedIn(person, sign_in(api, sinch, person))


@pytest.fixture
def bob(app: Flask, api: Api, sinch: Simulator) -> SignedIn:
    """Somebody else who just signed in."""
    person = make_person(app)
    return SignedIn(person, sign_in(api, sinch, person))


@pytest.fixture
def forge(app: Flask, alice: SignedIn) -> Forge:
    """Alice's token in parts."""
    return Forge.from_token(app, alice.token)
