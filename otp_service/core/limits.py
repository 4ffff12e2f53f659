"""The request limits per client address. They are about fairness; what protects accounts and money is in the database.

Counted in memory, or in Redis/Valkey when REDIS_URL is set; when that is down, in memory until it is back.
"""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from limits import RateLimitItem, RateLimitItemPerSecond

from otp_service.core.settings import settings
from otp_service.extensions import limiter

if TYPE_CHECKING:
    from config import Config

View = Callable[..., Any]
log = logging.getLogger(__name__)
UNLIMITED = frozenset({"ops.health", "ops.ready"})
"""Endpoints that machines ask every few seconds: neither limited nor logged at INFO."""

REDIS_TIMEOUT_SECONDS = 0.25
NOT_AUTHENTICATED = 401


def init_limits(app: Flask, config: "Config") -> None:
    """Bind the limiter: where it counts, under which keys, and the `RateLimit-*` headers on every answer."""
    storage: dict[str, Any] = {"RATELIMIT_STORAGE_URI": config.redis_url or "memory://"}
    if config.redis_url:
        storage["RATELIMIT_STORAGE_OPTIONS"] = {
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
        }
    app.config.update(
        RATELIMIT_ENABLED=config.rate_limits_enabled,
        RATELIMIT_STRATEGY="fixed-window",
        RATELIMIT_KEY_PREFIX="otp_service:fixed-window",  # another strategy cannot read the keys of this one
        RATELIMIT_APPLICATION=_global_limit,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_SWALLOW_ERRORS=True,  # two requests that meet a dying Redis at once: one would be a 500
        RATELIMIT_HEADERS_ENABLED=False,  # ours below also cover answers that no route gave
        **storage,
    )
    limiter.init_app(app)
    if config.rate_limits_enabled:
        app.after_request(_add_headers)


@limiter.request_filter
def _is_exempt() -> bool:
    return request.endpoint in UNLIMITED or not settings().rate_limits_enabled


def _global_limit() -> str:
    return f"{settings().rate_limit_max_requests} per {settings().rate_limit_window_seconds} second"


def _per_address(text: Callable[["Config"], str], scope: str, **options: Any) -> Callable[[View], View]:
    decorator: Callable[[View], View] = limiter.shared_limit(lambda: text(settings()), scope=scope, **options)
    return decorator


register = _per_address(lambda c: f"{c.rate_limit_register_per_hour} per hour", "register")
failed_login = _per_address(
    lambda c: f"{c.rate_limit_failed_logins} per 15 minute",
    "failed-login",
    deduct_when=lambda response: response.status_code == NOT_AUTHENTICATED,
)
otp = _per_address(lambda c: f"{c.rate_limit_otp_per_minute} per minute", "otp")
refresh = _per_address(lambda c: f"{c.rate_limit_refresh_per_minute} per minute", "refresh")


def seconds_until_reset() -> float:
    """Seconds until the limit that the current request ran into opens again."""
    breached = limiter.current_limit
    return max(1.0, breached.reset_at - time.time()) if breached else 1.0  # noqa: TID251 - the limiter's own clock


@cache
def _item(amount: int, seconds: int) -> RateLimitItem:
    return RateLimitItemPerSecond(amount, seconds)


def _add_headers(response: Response) -> Response:
    """Tell the client where it stands (draft-ietf-httpapi-ratelimit-headers-06: reset in seconds from now)."""
    try:
        amount, remaining, reset_at = _standing()
    except Exception as error:  # noqa: BLE001 - the storage's own error classes; the answer matters more
        log.warning("limit.store_unavailable", extra={"error": type(error).__name__})
        return response
    response.headers["RateLimit-Limit"] = str(amount)
    response.headers["RateLimit-Remaining"] = str(max(0, remaining))
    response.headers["RateLimit-Reset"] = str(max(0, int(reset_at - time.time()) + 1))  # noqa: TID251
    return response


def _standing() -> tuple[int, int, float]:
    current = limiter.current_limit
    if current is not None:
        return current.limit.amount, current.remaining, current.reset_at
    config = settings()
    item = _item(config.rate_limit_max_requests, config.rate_limit_window_seconds)
    window = limiter.limiter.get_window_stats(item, "otp_service:fixed-window", request.remote_addr or "", "global")
    return item.amount, window.remaining, window.reset_time
