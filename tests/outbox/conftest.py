"""A service with a mail server, and messages to send."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from otp_service import outbox
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from tests.conftest import MakeApp
from tests.mail.mailbox import Mailbox

TO = "canary.person@example.com"
LINK = "https://app.example.com/verify#lk_canary"
Post = Callable[..., None]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server without TLS."""
    with Mailbox() as server:
        yield server


@pytest.fixture
def mailing(make_app: MakeApp, mailbox: Mailbox) -> Flask:
    """The application with the mail server."""
    return make_app(**mailbox.settings)


@pytest.fixture
def post() -> Post:
    """Put messages into the outbox of an application."""

    def act(app: Flask, count: int = 1, to: str = TO) -> None:
        with app.app_context():
            for _ in range(count):
                with transaction():
                    outbox.enqueue(
                        "address_verification",
                        to=to,
                        locale="en",
                        now=clock.now(),
                        link=LINK,
                        token=LINK.rpartition("#")[2],
                        valid_minutes=30,
                    )

    return act
