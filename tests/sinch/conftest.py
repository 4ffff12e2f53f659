"""Servers that respond by script, and clients in a hurry."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from otp_service.sinch.client import SinchClient
from otp_service.sinch.settings import SinchSettings
from tests.sinch.scripted import Script, ScriptedServer
from tests.waiting import PATIENCE_SECONDS

KEY = "5F5C418A0F914BBC8234A9BF5EDDAD97"
SECRET = "JViE5vDor0Sw3WllZka15Q=="
PATIENT: dict[str, Any] = {
    "retry_pause_seconds": 0.01,
    "failure_threshold": 100,
    "connect_timeout_seconds": PATIENCE_SECONDS,
    "read_timeout_seconds": PATIENCE_SECONDS,
    "deadline_seconds": PATIENCE_SECONDS,
    "in_flight_wait_seconds": PATIENCE_SECONDS,
}
HASTY = PATIENT | {"read_timeout_seconds": 0.1}

Serve = Callable[[Script], ScriptedServer]
Connect = Callable[..., SinchClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a scripted server; all are stopped at the end of the test. No client may have waited without limit."""
    servers: list[ScriptedServer] = []

    def start(script: Script) -> ScriptedServer:
        servers.append(stack.enter_context(ScriptedServer(script)))
        return servers[-1]

    with ExitStack() as stack:
        yield start
    assert not any(server.has_outwaited_a_client for server in servers)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A client for a base URL. Breaker and time-outs are out of the way, so that a slow machine changes nothing."""
    with ExitStack() as stack:
        yield _maker(stack, PATIENT)


@pytest.fixture
def connect_hastily() -> Iterator[Connect]:
    """The same with a read time-out of a tenth of a second, for servers that do not respond."""
    with ExitStack() as stack:
        yield _maker(stack, HASTY)


def _maker(stack: ExitStack, defaults: dict[str, Any]) -> Connect:
    def make(base_url: str, before_call: Callable[[], None] | None = None, **changes: Any) -> SinchClient:
        client = SinchClient(SinchSettings(KEY, SECRET, base_url, **(defaults | changes)), before_call)
        stack.callback(client.close)
        return client

    return make
