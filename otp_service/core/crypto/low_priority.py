"""Runs heavy work in threads that step back: whatever else the machine has to do goes first."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

NICENESS = 10
T = TypeVar("T")


class LowPriorityThreads:
    """A few threads with a lower priority than those that answer requests.

    Without it, password hashes on all cores make /health wait for the scheduler. Linux gives each thread its own
    niceness, which only goes up without privileges; so these threads do nothing else. They start with the first
    call, so in each worker after the fork.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="low-priority", initializer=_step_back)

    def run(self, act: Callable[[], T]) -> T:
        """What `act` returns or raises, computed in one of the threads."""
        return self._pool.submit(act).result()


def _step_back() -> None:
    with suppress(OSError):  # where threads have no niceness of their own, they share the process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
