"""People with sessions and applications with key pairs, for the tests of tokens."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from otp_service import sessions
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.sessions import tokens
from otp_service.sessions.key_folder import KeyFolder
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import Person, make_person, sign_in
from tests.sessions.forging import Forge
from tests.sessions.pairs import ALGORITHMS, Pairs

MakePairs = Callable[..., Pairs]


@dataclass(frozen=True)
class SignedIn:
    """A person and the response to the sign-in."""

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


def stepped_up(app: Flask, who: SignedIn, *amr: str) -> SignedIn:
    """The same session after a step-up with a factor, by what the factor puts into `amr`."""
    with app.app_context():
        caller = tokens.read(who.token)
        renewed = replace(caller, amr=("pwd", *amr), acr="aal2", authenticated_at=clock.now())
        token = sessions.strengthen(renewed, client=COMMAND_LINE).token
    return SignedIn(who.person, {**who.answer, "token": token})


def is_open(api: Api, token: str) -> bool:
    """Whether the session of an access token is live; if not, the token is refused like any other bad one."""
    response = api.get("/profile", token=token)
    assert response.status_code == 200 or response.json["message"] == "Invalid or expired token."
    return response.status_code == 200


def refresh(api: Api, token: Any) -> tuple[int, dict[str, Any]]:
    """The status and the body of the response to a refresh."""
    response = api.post("/auth/refresh", {"refreshToken": token})
    return response.status_code, dict(response.json or {})


def refreshed(api: Api, token: str) -> dict[str, Any]:
    """The tokens after a refresh, which must be granted."""
    status, body = refresh(api, token)
    assert status == 200, body
    return body


@pytest.fixture
def alice(app: Flask, api: Api, sinch: Simulator) -> SignedIn:
    """A person who just signed in."""
    person = make_person(app)
    return SignedIn(person, sign_in(api, sinch, person))


@pytest.fixture
def bob(app: Flask, api: Api, sinch: Simulator) -> SignedIn:
    """Another person who just signed in."""
    person = make_person(app)
    return SignedIn(person, sign_in(api, sinch, person))


@pytest.fixture
def forge(app: Flask, alice: SignedIn) -> Forge:
    """Alice's token in parts."""
    return Forge.from_token(app, alice.token)


@pytest.fixture(scope="session")
def key_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with one key per algorithm, made once: an RSA key takes longer than most tests."""
    folders = {algorithm: tmp_path_factory.mktemp(algorithm) / "keys" for algorithm in ALGORITHMS}
    for algorithm, folder in folders.items():
        KeyFolder(folder, algorithm).ensure(now=clock.now())
    return folders


@pytest.fixture
def make_pairs(make_app: MakeApp, key_folders: dict[str, Path], tmp_path: Path) -> MakePairs:
    """Make an application that signs with a key pair. All of a test share a folder of the test's own."""

    def make(algorithm: str = "ES256", **settings: str) -> Pairs:
        folder = tmp_path / "keys"
        if not folder.exists():
            shutil.copytree(key_folders[algorithm], folder)
        app = make_app(JWT_ALGORITHM=algorithm, JWT_KEYS_DIR=str(folder), **settings)
        return Pairs(app, Api(app), folder, algorithm)

    return make


@pytest.fixture(params=ALGORITHMS)
def pairs_of_each(make_pairs: MakePairs, request: pytest.FixtureRequest) -> Pairs:
    """An application that signs with each algorithm in turn."""
    return make_pairs(request.param)
