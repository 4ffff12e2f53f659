"""Reads how the service is served: processes, proxies, pages, logs, and the request limits per client address."""

import os
import re
from dataclasses import dataclass, field

from otp_service.config.reader import Reader

ORIGIN = re.compile(r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`trusted_proxy_count` is the number of trusted reverse proxies in front of the service."""

    trusted_proxy_count: int
    frontend_origins: tuple[str, ...]
    ops_token: str | None = field(repr=False)
    log_level: str
    log_format: str
    workers: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """The request limits per client address."""

    enabled: bool
    window_seconds: int
    max_requests: int
    register_per_hour: int
    failed_logins: int
    otp_per_minute: int
    refresh_per_minute: int


def read_server(read: Reader) -> ServerSettings:
    """Read the settings of the server, and reject debugging in production."""
    for name in ("FLASK_DEBUG", "DEBUG") if read.production else ():
        if read.flag(name, default=False):
            read.fault(name, "is on", "be off in production")
    return ServerSettings(
        trusted_proxy_count=read.integer("TRUSTED_PROXY_COUNT", default=0, low=0, high=10),
        frontend_origins=read_origins(read),
        ops_token=read.secret("OPS_TOKEN", default=None, minimum=16),
        log_level=read.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO", fold=str.upper),
        log_format=read.choice("LOG_FORMAT", ("json", "text"), default="json" if read.production else "text"),
        workers=read.integer("WEB_CONCURRENCY", default=os.cpu_count() or 1, low=1, high=1024),
        threads=read_threads(read),
    )


def read_threads(read: Reader) -> int:
    """Read GUNICORN_THREADS."""
    return read.integer("GUNICORN_THREADS", default=32, low=1, high=256)


def read_origins(read: Reader) -> tuple[str, ...]:
    """Read FRONTEND_URL: the origins of the pages that use the service."""
    origins = tuple(word.rstrip("/").lower() for word in read.words("FRONTEND_URL"))
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            read.fault("FRONTEND_URL", f"holds {origin!r}", "hold whole origins such as https://app.example.com")
    return origins


def read_limits(read: Reader) -> LimitSettings:
    """Read RATE_LIMIT*."""
    return LimitSettings(
        enabled=read.flag("RATE_LIMITS_ENABLED", default=True),
        window_seconds=max(1, read.integer("RATE_LIMIT_WINDOW_MS", default=900_000, low=1_000) // 1000),
        max_requests=read.integer("RATE_LIMIT_MAX_REQUESTS", default=1_000, low=1),
        register_per_hour=read.integer("RATE_LIMIT_REGISTER_PER_HOUR", default=5, low=1),
        failed_logins=read.integer("RATE_LIMIT_FAILED_LOGINS", default=30, low=1),
        otp_per_minute=read.integer("RATE_LIMIT_OTP_PER_MINUTE", default=60, low=1),
        refresh_per_minute=read.integer("RATE_LIMIT_REFRESH_PER_MINUTE", default=30, low=1),
    )
