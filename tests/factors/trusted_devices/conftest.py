"""People with sessions, and a way to trust their devices."""

from collections.abc import Callable

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import trusted_devices
from tests.sessions.conftest import SignedIn, alice, bob

__all__ = ["alice", "bob"]

LAPTOP = ClientInfo(ip="192.0.2.7", agent="A laptop")
Remember = Callable[[SignedIn], str]
Recognizes = Callable[..., bool]


def remember_on(app: Flask, who: SignedIn) -> str | None:
    """What a sign-in with `rememberDevice` gives."""
    with app.app_context(), transaction():
        return trusted_devices.remember(who.person.id, client=LAPTOP, now=clock.now())


def recognizes_on(app: Flask, who: SignedIn, token: str, *, client: ClientInfo = LAPTOP) -> bool:
    """What a sign-in with a `deviceToken` asks."""
    with app.app_context():
        return trusted_devices.recognize(who.person.id, token, client=client, now=clock.now())


@pytest.fixture
def remember(app: Flask) -> Remember:
    """Trust a device of somebody's; gives its token."""

    def act(who: SignedIn) -> str:
        token = remember_on(app, who)
        assert token is not None
        return token

    return act


@pytest.fixture
def recognizes(app: Flask) -> Recognizes:
    """Whether a token is of a device that somebody trusts."""

    def act(who: SignedIn, token: str, **options: ClientInfo) -> bool:
        return recognizes_on(app, who, token, **options)

    return act
