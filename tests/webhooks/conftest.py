"""The service on a socket, so that the simulated Sinch can post its events to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.serving import serving_app

PATH = "/webhooks/sinch/verification"
Listen = Callable[..., Api]


@pytest.fixture
def listen(make_app: MakeApp, sinch: Simulator) -> Iterator[Listen]:
    """Make an application that hears what Sinch has to tell."""
    with ExitStack() as stack:

        def make(**settings: str) -> Api:
            app = make_app(**settings)
            sinch.send_callbacks_to(f"http://{stack.enter_context(serving_app(app))}{PATH}")
            return Api(app)

        yield make
        sinch.wait_for_callbacks()
        sinch.send_callbacks_to(None)


@pytest.fixture
def heard(listen: Listen) -> Api:
    """An application with the usual settings that hears what Sinch has to tell."""
    return listen()
