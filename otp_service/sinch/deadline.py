"""How long a call, or several calls that answer one request, may take in all."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_shared: ContextVar[float | None] = ContextVar("sinch_deadline", default=None)


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """So many seconds from now, or the end of the surrounding `shared` span if that is sooner."""
        own = time.monotonic() + seconds
        outer = _shared.get()
        return cls(own if outer is None else min(own, outer))

    def remaining_seconds(self) -> float:
        """What is left; negative once it is over."""
        return self.at - time.monotonic()


@contextmanager
def shared(seconds: float) -> Iterator[None]:
    """Let all calls of this thread inside the block end within `seconds` from now."""
    token = _shared.set(Deadline.after(seconds).at)
    try:
        yield
    finally:
        _shared.reset(token)
