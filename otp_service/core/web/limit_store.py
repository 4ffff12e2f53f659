"""Where request limits are counted: in Redis or Valkey, and in this process's memory while that is away (ADR 10)."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from limits.storage import MemoryStorage, RedisStorage

from otp_service.core import redis_pool

TIMEOUT_SECONDS = 0.25
RETRY_SECONDS = 1.0

SWEEP_SECONDS, LONGEST = 600, 86_400

T = TypeVar("T")
Counting = MemoryStorage | RedisStorage
log = logging.getLogger(__name__)


class Memory(MemoryStorage):
    """Moving windows in this process: the times of the requests of each key, the oldest first.

    The library's own looks at every entry of every key whenever a request comes. The LimitStore lets in one thread at a
    time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._times: dict[str, deque[float]] = {}
        self._swept_at = time.time()  # noqa: TID251 - the limiter's own clock

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count, unless the limit is reached; return whether it was counted."""
        now = time.time()  # noqa: TID251 - the limiter's own clock
        times = self._current(key, now - expiry)
        if len(times) + amount > limit:
            return False
        times.extend([now] * amount)
        self._times[key] = times
        self._sweep(now)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """Return the time of the oldest request in the window, and how many there are."""
        now = time.time()  # noqa: TID251 - the limiter's own clock
        times = self._current(key, now - expiry)
        return (times[0] if times else now), len(times)

    def reset(self) -> int | None:
        """Forget all counts."""
        self._times.clear()
        return super().reset()

    def _current(self, key: str, cutoff: float) -> deque[float]:
        times = self._times.get(key, deque())
        while times and times[0] <= cutoff:
            times.popleft()
        return times

    def _sweep(self, now: float) -> None:
        """Forget the keys without a request in the longest window, a day: at most once in ten minutes."""
        if now - self._swept_at > SWEEP_SECONDS:
            self._swept_at = now
            self._times = {key: times for key, times in self._times.items() if times and times[-1] > now - LONGEST}


class LimitStore:
    """The counts of one application. The loss of Redis delays one request, fails none, and leaves none uncounted."""

    def __init__(self, redis_url: str | None, *, prefix: str) -> None:
        self.memory = Memory()
        self.shared = _redis(redis_url, prefix) if redis_url else None
        self._lock = threading.Lock()
        self._memory_lock = threading.Lock()
        self._is_down = False
        self._retry_at = 0.0

    def call(self, ask: Callable[[Counting], T], *, counts: bool = False) -> T:
        """Return the result from the shared store, or from memory while that is away. Raises no error.

        `counts` says that `ask` writes. Only such a call finds out whether a lost store is back: one that is full, or
        a read-only replica, answers all the others.
        """
        if self.shared is None or not self._may_try(counts=counts):
            return self._ask_memory(ask)
        try:
            result = ask(self.shared)
        except Exception as error:  # noqa: BLE001 - whatever a client of Redis may raise, the request goes on
            self._record_loss(error)
            return self._ask_memory(ask)
        self._record_return()
        return result

    def _ask_memory(self, ask: Callable[[Counting], T]) -> T:
        # One at a time: the library's memory loses what two threads count in the first moment of a window.
        with self._memory_lock:
            return ask(self.memory)

    def _may_try(self, *, counts: bool) -> bool:
        """Let one request a second find out whether the store is back; the others do not wait for that."""
        if not self._is_down or not counts:
            return not self._is_down
        with self._lock:
            now = time.monotonic()
            is_due = now >= self._retry_at
            if is_due:
                self._retry_at = now + RETRY_SECONDS
            return is_due

    def _record_loss(self, error: Exception) -> None:
        with self._lock:
            was_down, self._is_down = self._is_down, True
            self._retry_at = time.monotonic() + RETRY_SECONDS
        if not was_down:  # many requests may fail at the same moment: one line is enough
            log.error("limit.store_lost", extra={"error": type(error).__name__})

    def _record_return(self) -> None:
        if self._is_down:
            self._is_down = False
            log.warning("limit.store_found")


def _redis(url: str, prefix: str) -> RedisStorage:
    pool = redis_pool.open_pool(url, timeout_seconds=TIMEOUT_SECONDS)
    return RedisStorage("redis://", connection_pool=pool, key_prefix=prefix)  # the pool knows where
