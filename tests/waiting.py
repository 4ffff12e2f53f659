"""Waits for events, so that no test depends on how fast the machine is."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0
"""Ends a test that would hang. Whatever takes seconds on an idle machine may take a minute on a busy one."""

POLL_SECONDS = 0.01


def wait_until(is_so: Callable[[], object], *, otherwise: Callable[[], str] = lambda: "it never happened") -> None:
    """Return once the condition holds. Raises AssertionError, with what `otherwise` says, if it never does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(POLL_SECONDS)
