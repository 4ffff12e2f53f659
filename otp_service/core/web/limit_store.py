"""Where request limits are counted: in Redis or Valkey while it answers, else in this process's memory."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from limits.storage import MemoryStorage, RedisStorage, Storage

from otp_service.core.services import services

T = TypeVar("T")
log = logging.getLogger(__name__)
TIMEOUT_SECONDS = 0.25
RETRY_SECONDS = 1.0


class LimitStore:
    """One application's counts. Losing Redis delays one request, fails none, and leaves none uncounted."""

    def __init__(self, redis_url: str | None) -> None:
        self.memory = MemoryStorage()
        self.shared = _redis(redis_url) if redis_url else None
        self._lock = threading.Lock()
        self._memory_lock = threading.Lock()
        self._is_down = False
        self._retry_at = 0.0

    def call(self, ask: Callable[[Storage], T]) -> T:
        """What the shared store answers; the memory's answer while that is away. Raises nothing of its own."""
        if self.shared is None or not self._may_try():
            return self._ask_memory(ask)
        try:
            answer = ask(self.shared)
        except Exception as error:  # noqa: BLE001 - whatever a client of Redis may raise, the request goes on
            self._lost(error)
            return self._ask_memory(ask)
        self._found()
        return answer

    def _ask_memory(self, ask: Callable[[Storage], T]) -> T:
        """One at a time: alone the library's memory forgets what two threads count in a window's first moment."""
        with self._memory_lock:
            return ask(self.memory)

    def _may_try(self) -> bool:
        """While it is down one request a second looks whether it is back; the others do not wait for that."""
        if not self._is_down:
            return True
        with self._lock:
            now = time.monotonic()
            is_due = now >= self._retry_at
            if is_due:
                self._retry_at = now + RETRY_SECONDS
            return is_due

    def _lost(self, error: Exception) -> None:
        with self._lock:
            was_down, self._is_down = self._is_down, True
            self._retry_at = time.monotonic() + RETRY_SECONDS
        if not was_down:
            log.error("limit.store_lost", extra={"error": type(error).__name__})

    def _found(self) -> None:
        if self._is_down:
            self._is_down = False
            log.warning("limit.store_found")


class CurrentStore(Storage):
    """What the limiter, of which a process has one, is given: it counts in the store of the application that asks."""

    STORAGE_SCHEME = ["application"]  # noqa: RUF012 - how the library wants it
    ADDRESS = "application://"

    @property
    def base_exceptions(self) -> type[Exception]:
        """No error leaves a LimitStore."""
        return ()  # type: ignore[return-value]

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; returns the new count."""
        return _store().call(lambda storage: storage.incr(key, expiry, amount))

    def get(self, key: str) -> int:
        """The count."""
        return _store().call(lambda storage: storage.get(key))

    def get_expiry(self, key: str) -> float:
        """When the count starts anew, in seconds since 1970."""
        return _store().call(lambda storage: storage.get_expiry(key))

    def check(self) -> bool:
        """Whether the shared store, where there is one, answers now."""
        shared = _store().shared
        return shared is None or shared.check()

    def reset(self) -> int | None:
        """Forget all counts."""
        return _store().call(lambda storage: storage.reset())

    def clear(self, key: str) -> None:
        """Forget one count."""
        _store().call(lambda storage: storage.clear(key))


def _store() -> LimitStore:
    return services().limit_store


def _redis(url: str) -> RedisStorage:
    options: dict[str, Any] = {"socket_connect_timeout": TIMEOUT_SECONDS, "socket_timeout": TIMEOUT_SECONDS}
    return RedisStorage(url, **options)
