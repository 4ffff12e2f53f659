"""The request limits per client address, and per key of a backend.

They are about fairness; what protects accounts and money is in the database.

Requests count in Redis or Valkey if REDIS_URL is set, else in this process's memory. While Redis is away, they count in
memory (ADR 10).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask_limiter import ApplicationLimit, Limiter
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MovingWindowSupport, Storage
from werkzeug.exceptions import HTTPException

from otp_service.core.addresses import WIDER_BITS, network_of, wider_network_of
from otp_service.core.errors import InvalidInput, NotAuthenticated, TooMany
from otp_service.core.services import services, settings
from otp_service.core.web.tracing import client_address

FORWARD_AUTH = "token_checks.check_forward"
"""The endpoint that a proxy asks before each request to a service behind it."""

UNLIMITED = frozenset({"ops.health", "ops.ready", FORWARD_AUTH})
"""Endpoints that machines ask all the time: neither limited nor logged at INFO.

All requests of a proxy come from one address, whose limit would be that of the whole site (ADR 40).
"""

SIGNED = frozenset({"webhooks.verification_event"})
"""Endpoints whose callers sign what they send, all from a few addresses: only rejected requests count there."""

NOT_AUTHENTICATED = 401
MINUTE = 60
KEY_PREFIX = "otp_service:moving-window"  # another strategy cannot read the keys of this one
PROBE_KEY, PROBE_SECONDS = f"{KEY_PREFIX}:probe", 5
View = Callable[..., Any]
log = logging.getLogger(__name__)


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
    return request.endpoint in UNLIMITED | SIGNED or _takes_key()


def _takes_key() -> bool:
    """Whether the view counts the request for the key of a backend: see `count_key`. OPTIONS reaches no view."""
    view = current_app.view_functions.get(request.endpoint or "")
    return hasattr(view, "key_scope") and request.method != "OPTIONS"


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

        perhaps_limited.limit_scope = scope  # type: ignore[attr-defined] # for the table of all limits
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
            count_refused(error)
            raise

    return counted


def count_refused(error: Exception) -> None:
    """Count a rejected request for the client's address. Raises TooMany from `error` at the limit."""
    if settings().limits.enabled and not limiter.limiter.hit(_global_item(), *_global_key()):
        raise TooMany(retry_after_seconds=_seconds_left(_global_item(), _global_key())) from error


def count_key(key_id: str) -> None:
    """Count a request with a valid key of a backend: for the key, whatever its address. Raises TooMany at the limit."""
    if not settings().limits.enabled:
        return
    item, key = _item(settings().limits.key_per_minute, MINUTE), (KEY_PREFIX, key_id, "key")
    g.counted = item, key  # for the headers of the response
    if not limiter.limiter.hit(item, *key):
        log.warning("limit.reached", extra={"limit": str(item), "keyId": key_id, "ip": client_address()})
        raise TooMany(retry_after_seconds=_seconds_left(item, key))


def _seconds_left(item: RateLimitItem, key: tuple[str, str, str]) -> float:
    """Return the seconds until a window opens again."""
    return limiter.limiter.get_window_stats(item, *key).reset_time - time.time()  # noqa: TID251 - the limiter's clock


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
    item, key = g.get("counted") or (_global_item(), _global_key())
    window = limiter.limiter.get_window_stats(item, *key)
    return item.amount, window.remaining, window.reset_time


def _global_item() -> RateLimitItem:
    return _item(settings().limits.max_requests, settings().limits.window_seconds)


def _global_key() -> tuple[str, str, str]:
    """Return the key under which flask-limiter counts all requests of the current client."""
    return KEY_PREFIX, _client(), "global"
