"""The request limits per client address. They are about fairness; what protects accounts and money is in the database.

Counted in memory, or in Redis/Valkey when REDIS_URL is set; when that is down, in memory until it is back.
"""

import time
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter
from limits import RateLimitItem, RateLimitItemPerSecond
from werkzeug.exceptions import HTTPException

from otp_service.core.errors import InvalidInput, NotAuthenticated, TooMany
from otp_service.core.services import settings
from otp_service.core.web.limit_store import CurrentStore
from otp_service.core.web.tracing import client_address, network_of

View = Callable[..., Any]
UNLIMITED = frozenset({"ops.health", "ops.ready"})
"""Endpoints that machines ask every few seconds: neither limited nor logged at INFO."""

SIGNED = frozenset({"webhooks.verification_event"})
"""Endpoints whose callers sign what they send, all from a few addresses: only what is refused there is counted."""

NOT_AUTHENTICATED = 401
KEY_PREFIX = "otp_service:fixed-window"  # another strategy cannot read the keys of this one


def _client() -> str:
    return network_of(client_address() or "local")


def _global_limit() -> str:
    return f"{settings().limits.max_requests} per {settings().limits.window_seconds} second"


limiter = Limiter(
    key_func=_client,
    application_limits=[_global_limit],
    strategy="fixed-window",
    storage_uri=CurrentStore.ADDRESS,
    key_prefix=KEY_PREFIX,
    request_identifier=lambda: request.endpoint or "unknown",  # so that what no route answers is counted, too
    headers_enabled=False,  # ours below are also on answers that were not limited
)


def init_limits(app: Flask, *, enabled: bool) -> None:
    """Bind the limiter, and put the `RateLimit-*` headers on every answer; nothing of both when limits are off."""
    if enabled:
        app.after_request(_add_headers)  # before the limiter's own: what is registered first runs last
        limiter.init_app(app)


def store_state() -> str:
    """Where the running application counts, for readiness."""
    if not settings().limits.enabled:
        return "off"
    if settings().stores.redis_url is None:
        return "memory"
    return "up" if limiter.storage.check() else "down: counting in memory"


@limiter.request_filter
def _is_exempt() -> bool:
    return request.endpoint in UNLIMITED | SIGNED


def _per_address(text: Callable[[], str], scope: str, **options: Any) -> Callable[[View], View]:
    limit: Callable[[View], View] = limiter.shared_limit(text, scope=scope, **options)

    def decorate(view: View) -> View:
        limited = limit(view)

        @wraps(view)
        def perhaps_limited(*args: Any, **kwargs: Any) -> Any:
            return (limited if settings().limits.enabled else view)(*args, **kwargs)

        return perhaps_limited

    return decorate


register = _per_address(lambda: f"{settings().limits.register_per_hour} per hour", "register")
failed_login = _per_address(
    lambda: f"{settings().limits.failed_logins} per 15 minute",
    "failed-login",
    deduct_when=lambda response: response.status_code == NOT_AUTHENTICATED,
)
otp = _per_address(lambda: f"{settings().limits.otp_per_minute} per minute", "otp")
refresh = _per_address(lambda: f"{settings().limits.refresh_per_minute} per minute", "refresh")


def refused_only(view: View) -> View:
    """For an endpoint of SIGNED: count a request that the view refuses as any other, and answer 429 at the limit."""

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
    """Seconds until the limit that the current request ran into opens again."""
    breached = limiter.current_limit
    return max(1.0, breached.reset_at - time.time()) if breached else 1.0  # noqa: TID251 - the limiter's own clock


@cache
def _item(amount: int, seconds: int) -> RateLimitItem:
    return RateLimitItemPerSecond(amount, seconds)


def _add_headers(response: Response) -> Response:
    """Tell the client where it stands (draft-ietf-httpapi-ratelimit-headers-06: reset in seconds from now)."""
    amount, remaining, reset_at = _standing()
    response.headers["RateLimit-Limit"] = str(amount)
    response.headers["RateLimit-Remaining"] = str(max(0, remaining))
    response.headers["RateLimit-Reset"] = str(max(0, int(reset_at - time.time()) + 1))  # noqa: TID251
    return response


def _standing() -> tuple[int, int, float]:
    current = limiter.current_limit
    if current is not None:
        return current.limit.amount, current.remaining, current.reset_at
    limits = settings().limits
    if request.endpoint in UNLIMITED:  # nothing is counted, and /health must answer without asking the store
        return limits.max_requests, limits.max_requests, 0
    item = _global_item()
    window = limiter.limiter.get_window_stats(item, *_global_key())
    return item.amount, window.remaining, window.reset_time


def _global_item() -> RateLimitItem:
    return _item(settings().limits.max_requests, settings().limits.window_seconds)


def _global_key() -> tuple[str, str, str]:
    """Under which flask-limiter counts all requests of the current client."""
    return KEY_PREFIX, _client(), "global"
