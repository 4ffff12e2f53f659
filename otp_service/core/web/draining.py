"""Stops gunicorn in order: `/ready` says so, the listener stays open for SHUTDOWN_DELAY, then the requests end.

A load balancer needs a few seconds to learn that a server stops. A listener that closes at once loses what the balancer
sends meanwhile.
"""

import mmap
import signal
from typing import Any

_shared: list[mmap.mmap] = []
"""One byte of the master, made before it forks: so its workers read what it writes."""


def is_under_way() -> bool:
    """Whether the server was asked to stop and still accepts requests."""
    return bool(_shared) and _shared[-1][0] == 1


def install(server: Any, *, delay_seconds: int) -> None:
    """Have gunicorn's master wait for so long between SIGTERM and its end. A second SIGTERM ends the wait."""
    _shared.append(mmap.mmap(-1, 1))

    def handle_term() -> None:
        # While a new master serves the same listener (SIGUSR2), this machine must stay ready.
        if delay_seconds == 0 or is_under_way() or server.reexec_pid:
            raise StopIteration  # gunicorn's own way to stop
        _shared[-1][0] = 1
        server.log.info("Stopping in %s s: /ready is 503 from here on", delay_seconds)
        # By a signal, not a thread: the master forks, and its loop takes signals from this queue.
        signal.signal(signal.SIGALRM, lambda *_: server.SIG_QUEUE.put_nowait(signal.SIGTERM))
        signal.setitimer(signal.ITIMER_REAL, delay_seconds)

    server.handle_term = handle_term
