"""The service on a socket, so that the simulated Sinch can post its events to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest
from flask import Flask
from werkzeug.serving import make_server

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp

PATH = "/webhooks/sinch/verification"
Listen = Callable[..., Api]


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The address of `app` on a free port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def listen(make_app: MakeApp, sinch: Simulator) -> Iterator[Listen]:
    """Make an application that hears what Sinch has to tell."""
    with ExitStack() as stack:

        def make(**settings: str) -> Api:
            app = make_app(**settings)
            sinch.send_callbacks_to(stack.enter_context(serving(app)) + PATH)
            return Api(app)

        yield make
        sinch.wait_for_callbacks()
        sinch.send_callbacks_to(None)


@pytest.fixture
def heard(listen: Listen) -> Api:
    """An application with the usual settings that hears what Sinch has to tell."""
    return listen()
