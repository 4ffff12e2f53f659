"""The request limits per client address. They are about fairness; what protects accounts and money is in the database.

Requests count in Redis or Valkey if REDIS_URL is set, else in this process's memory. While Redis is away, they count in
memory (ADR 10).
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Any, TypeVar

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, MovingWindowSupport, RedisStorage, Storage
from werkzeug.exceptions import HTTPException

from otp_service.core import redis_pool
from otp_service.core.addresses import WIDER_BITS, network_of, wider_network_of
from otp_service.core.errors import InvalidInput, NotAuthenticated, TooMany
from otp_service.core.services import services, settings
from otp_service.core.web.tracing import client_address

UNLIMITED = frozenset({"ops.health", "ops.ready"})
"""Endpoints that machines ask every few seconds: neither limited nor logged at INFO."""

SIGNED = frozenset({"webhooks.verification_event"})
"""Endpoints whose callers sign what they send, all from a few addresses: only rejected requests count there."""

NOT_AUTHENTICATED = 401
KEY_PREFIX = "otp_service:moving-window"  # another strategy cannot read the keys of this one
PROBE_KEY, PROBE_SECONDS = f"{KEY_PREFIX}:probe", 5
TIMEOUT_SECONDS = 0.25
RETRY_SECONDS = 1.0

SWEEP_SECONDS, LONGEST = 600, 86_400

T = TypeVar("T")
Counting = MemoryStorage | RedisStorage
View = Callable[..., Any]
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


class CurrentStore(Storage, MovingWindowSupport):
    """The storage of the limiter, of which a process has one: it counts in the store of the running application."""

    STORAGE_SCHEME = ["application"]  # noqa: RUF012 - how the library wants it
    ADDRESS = "application://"

    @property
    def base_exceptions(self) -> type[Exception]:
        """No error leaves a LimitStore."""
        return ()  # type: ignore[return-value]

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; returns the new count."""
        return services().limit_store.call(lambda storage: storage.incr(key, expiry, amount), counts=True)

    def get(self, key: str) -> int:
        """Return the count."""
        return services().limit_store.call(lambda storage: storage.get(key))

    def get_expiry(self, key: str) -> float:
        """Return when the count starts again, in seconds since 1970."""
        return services().limit_store.call(lambda storage: storage.get_expiry(key))

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count, unless the limit is reached; return whether it was counted."""
        return services().limit_store.call(
            lambda storage: storage.acquire_entry(key, limit, expiry, amount), counts=True
        )

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return the time of the oldest request in the window, and how many there are."""
        return services().limit_store.call(lambda storage: storage.get_moving_window(key, limit, expiry))

    def check(self) -> bool:
        """Whether the shared store, if there is one, counts now. One that is full or read-only still responds."""
        shared = services().limit_store.shared
        try:
            return shared is None or shared.incr(PROBE_KEY, PROBE_SECONDS) > 0
        except Exception:  # noqa: BLE001 - whatever a client of Redis may raise, the store does not count
            return False

    def reset(self) -> int | None:
        """Forget all counts."""
        return services().limit_store.call(lambda storage: storage.reset())

    def clear(self, key: str) -> None:
        """Forget one count."""
        services().limit_store.call(lambda storage: storage.clear(key))


def _redis(url: str, prefix: str) -> RedisStorage:
    pool = redis_pool.open_pool(url, timeout_seconds=TIMEOUT_SECONDS)
    return RedisStorage("redis://", connection_pool=pool, key_prefix=prefix)  # the pool knows where


def _client() -> str:
    return network_of(client_address() or "local")


@dataclass(frozen=True, slots=True)
class _Wider:
    """A network of IPv6 that the client's address is in; it has some times the limit of one address (ADR 37)."""

    bits: int

    def key(self) -> str:
        """Return what the network counts under."""
        return wider_network_of(client_address(), self.bits) or "none"

    def is_absent(self) -> bool:
        """Whether the client's address is none of IPv6."""
        return wider_network_of(client_address(), self.bits) is None

    def limit(self, amount: Callable[[], int], window: Callable[[], str]) -> str:
        """Return the limit in the library's words."""
        return f"{amount() * settings().limits.times(self.bits)} per {window()}"


_WIDER = tuple(map(_Wider, WIDER_BITS))


def _most_requests() -> int:
    return settings().limits.max_requests


def _window() -> str:
    return f"{settings().limits.window_seconds} second"


def _global_limit() -> str:
    return f"{_most_requests()} per {_window()}"


limiter = Limiter(
    key_func=_client,
    application_limits=[
        _global_limit,
        *(
            ApplicationLimit(
                partial(wider.limit, _most_requests, _window),
                key_function=wider.key,
                exempt_when=wider.is_absent,
                scope=f"global-{wider.bits}",
            )
            for wider in _WIDER
        ),
    ],
    strategy="moving-window",
    storage_uri=CurrentStore.ADDRESS,
    key_prefix=KEY_PREFIX,
    request_identifier=lambda: request.endpoint or "unknown",  # so that a path without a route counts, too
    headers_enabled=False,  # ours below are also on responses that were not limited
)


def init_limits(app: Flask, *, enabled: bool) -> None:
    """Bind the limiter, and add the `RateLimit-*` headers to every response; neither if the limits are off."""
    if enabled:
        app.after_request(_add_headers)  # before the limiter's own: the hook that is registered first runs last
        limiter.init_app(app)


def store_state() -> str:
    """Return where the running application counts, for readiness."""
    if not settings().limits.enabled:
        return "off"
    if settings().stores.redis_url is None:
        return "memory"
    return "up" if limiter.storage.check() else "down: counting in memory"


@limiter.request_filter
def _is_exempt() -> bool:
    return request.endpoint in UNLIMITED | SIGNED


def _per_address(amount: Callable[[], int], window: str, scope: str, **options: Any) -> Callable[[View], View]:
    limits: list[Callable[[View], View]] = [
        limiter.shared_limit(lambda: f"{amount()} per {window}", scope=scope, **options)
    ]
    for wider in _WIDER:
        text, of = partial(wider.limit, amount, lambda: window), f"{scope}-{wider.bits}"
        limits.append(limiter.shared_limit(text, scope=of, key_func=wider.key, exempt_when=wider.is_absent, **options))

    def decorate(view: View) -> View:
        limited = view
        for limit in limits:
            limited = limit(limited)

        @wraps(view)
        def perhaps_limited(*args: Any, **kwargs: Any) -> Any:
            return (limited if settings().limits.enabled else view)(*args, **kwargs)

        return perhaps_limited

    return decorate


register = _per_address(lambda: settings().limits.register_per_hour, "hour", "register")
failed_login = _per_address(
    lambda: settings().limits.failed_logins,
    "15 minute",
    "failed-login",
    deduct_when=lambda response: response.status_code == NOT_AUTHENTICATED,
)
otp = _per_address(lambda: settings().limits.otp_per_minute, "minute", "otp")
refresh = _per_address(lambda: settings().limits.refresh_per_minute, "minute", "refresh")


def refused_only(view: View) -> View:
    """Count only the requests that the view rejects, for an endpoint in SIGNED. Raises TooMany at the limit."""

    @wraps(view)
    def counted(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except (InvalidInput, NotAuthenticated, HTTPException) as error:
            if settings().limits.enabled and not limiter.limiter.hit(_global_item(), *_global_key()):
                reset_at = limiter.limiter.get_window_stats(_global_item(), *_global_key()).reset_time
                wait = reset_at - time.time()  # noqa: TID251 - the limiter's own clock
                raise TooMany(retry_after_seconds=wait) from error
            raise

    return counted


def seconds_until_reset() -> float:
    """Return the seconds until the limit that the current request reached opens again, at least 1."""
    breached = limiter.current_limit
    return max(1.0, breached.reset_at - time.time()) if breached else 1.0  # noqa: TID251 - the limiter's own clock


@cache
def _item(amount: int, seconds: int) -> RateLimitItem:
    return RateLimitItemPerSecond(amount, seconds)


def _add_headers(response: Response) -> Response:
    """Add the client's standing (draft-ietf-httpapi-ratelimit-headers-06: reset in seconds from now)."""
    amount, remaining, reset_at = _standing()
    response.headers["RateLimit-Limit"] = str(amount)
    response.headers["RateLimit-Remaining"] = str(max(0, remaining))
    response.headers["RateLimit-Reset"] = str(max(0, int(reset_at - time.time()) + 1))  # noqa: TID251
    return response


def _standing() -> tuple[int, int, float]:
    current = limiter.current_limit
    if current is not None:
        return current.limit.amount, current.remaining, current.reset_at
    if request.endpoint in UNLIMITED:  # these requests do not count, and /health must not ask the store
        return settings().limits.max_requests, settings().limits.max_requests, 0
    item = _global_item()
    window = limiter.limiter.get_window_stats(item, *_global_key())
    return item.amount, window.remaining, window.reset_time


def _global_item() -> RateLimitItem:
    return _item(settings().limits.max_requests, settings().limits.window_seconds)


def _global_key() -> tuple[str, str, str]:
    """Return the key under which flask-limiter counts all requests of the current client."""
    return KEY_PREFIX, _client(), "global"
