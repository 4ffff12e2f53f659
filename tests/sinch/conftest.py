"""Servers that answer by script, and clients in a hurry."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from otp_service.sinch import SinchClient, SinchSettings
from tests.sinch.scripted import Script, ScriptedServer

KEY = "5F5C418A0F914BBC8234A9BF5EDDAD97"
SECRET = "JViE5vDor0Sw3WllZka15Q=="
PATIENT: dict[str, Any] = {"retry_pause_seconds": 0.01, "failure_threshold": 100}
HASTY = PATIENT | {"connect_timeout_seconds": 0.5, "read_timeout_seconds": 0.3, "deadline_seconds": 1.0}

Serve = Callable[[Script], ScriptedServer]
Connect = Callable[..., SinchClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a scripted server; all are stopped at the end of the test."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(ScriptedServer(script))


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A client for a base URL, with a breaker out of the way and time-outs as in life, unless told otherwise."""
    with ExitStack() as stack:
        yield _maker(stack, PATIENT)


@pytest.fixture
def connect_hastily() -> Iterator[Connect]:
    """The same with time-outs of tenths of a second, for servers that do not answer."""
    with ExitStack() as stack:
        yield _maker(stack, HASTY)


def _maker(stack: ExitStack, defaults: dict[str, Any]) -> Connect:
    def make(base_url: str, before_call: Callable[[], None] | None = None, **changes: Any) -> SinchClient:
        client = SinchClient(SinchSettings(KEY, SECRET, base_url, **(defaults | changes)), before_call)
        stack.callback(client.close)
        return client

    return make
