"""Reads how the service is served: processes, proxies, pages, logs, and the request limits."""

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from urllib.parse import urlsplit

from otp_service.config.reader import Reader, is_weak, split_address
from otp_service.core import cores
from otp_service.core.addresses import is_loopback

UNNAMED = "OTP Service"
LONGEST_NAME = 60
DEVELOPMENT_IS_OPEN = (
    "its pages show all e-mails with their links. Set APP_ENV=production, or ALLOW_INSECURE_DEVELOPMENT=true if every "
    "machine that can reach this one may read them"
)
ORIGIN = re.compile(r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """`trusted_proxy_count` is the number of trusted reverse proxies in front of the service.

    `is_open_development`: other machines may reach a development server, whose pages show every secret in the e-mails.
    `service_name` is what people read: in e-mails, on pages, in authenticator apps.
    `public_url` is the address at which clients reach it, without a slash at the end: https://id.example.com/otp.
    `frontend_credentials`: pages of `frontend_origins` may send cookies. `has_tls`: clients reach the service over TLS
    alone, so its cookies may bear the prefix that browsers accept from TLS alone (ADR 41).
    """

    service_name: str
    trusted_proxy_count: int
    frontend_origins: tuple[str, ...]
    frontend_credentials: bool
    public_url: str | None
    has_tls: bool
    ops_token: str | None = field(repr=False)
    is_open_development: bool
    log_level: str
    log_format: str
    workers: int
    threads: int
    port: int
    has_docs: bool
    shutdown_delay_seconds: int

    @property
    def public_path(self) -> str:
        """The path of `public_url`, under which a proxy publishes the service; "" for the root."""
        return urlsplit(self.public_url or "").path


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """The request limits per client address and per key. Networks of IPv6 have so many times those of an address."""

    enabled: bool
    window_seconds: int
    max_requests: int
    register_per_hour: int
    failed_logins: int
    otp_per_minute: int
    refresh_per_minute: int
    key_per_minute: int
    ipv6_56_times: int
    ipv6_48_times: int

    def times(self, bits: int) -> int:
        """Return how many times the limit of one address a network of IPv6 has."""
        return {56: self.ipv6_56_times, 48: self.ipv6_48_times}[bits]


def read_server(read: Reader) -> ServerSettings:
    """Read the settings of the server, and reject debugging in production."""
    for name in ("FLASK_DEBUG", "DEBUG") if read.production else ():
        if read.flag(name, default=False):
            read.fault(name, "is on", "be off in production")
    origins, public_url = read_origins(read), read_public_url(read)
    return ServerSettings(
        service_name=_service_name(read),
        trusted_proxy_count=read.integer("TRUSTED_PROXY_COUNT", default=0, low=0, high=10),
        frontend_origins=origins,
        frontend_credentials=_read_credentials(read, origins),
        public_url=public_url,
        has_tls=read.production or (public_url or "").startswith("https://"),
        ops_token=_read_ops_token(read),
        is_open_development=read_open_development(read),
        log_level=read.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO", fold=str.upper),
        log_format=read.choice("LOG_FORMAT", ("json", "text"), default="json" if read.production else "text"),
        workers=read.integer("WEB_CONCURRENCY", default=cores.available(), low=1, high=1024),
        threads=read_threads(read),
        port=read.integer("PORT", default=8000, low=1, high=65535),
        has_docs=read.flag("API_DOCS", default=True),
        shutdown_delay_seconds=read.duration("SHUTDOWN_DELAY", default=5 if read.production else 0, low=0, high=300),
    )


def read_open_development(read: Reader) -> bool:
    """Read ALLOW_INSECURE_DEVELOPMENT; production has no such pages."""
    return read.flag("ALLOW_INSECURE_DEVELOPMENT", default=False) and not read.production


def read_host(read: Reader) -> str:
    """Read HOST, the address to listen on: in development, loopback alone."""
    host = read.text("HOST", default="127.0.0.1")
    if may_not_listen(host, read.production, read_open_development(read)):
        read.fault("HOST", f"holds {host!r}", f"be 127.0.0.1 in development: {DEVELOPMENT_IS_OPEN}")
    return host


def may_not_listen(host: str, is_production: bool, is_open_development: bool) -> bool:
    """Whether other machines could reach a development server at an address without the operator's consent."""
    return not (is_production or is_open_development or is_loopback(host))


def read_service_name(read: Reader) -> str | None:
    """Read SERVICE_NAME; None if it is not set."""
    name = read.text("SERVICE_NAME", default="")
    if not name.isprintable() or len(name) > LONGEST_NAME:
        read.fault("SERVICE_NAME", f"holds {name!r}", f"hold at most {LONGEST_NAME} characters that can be shown")
        return None
    return name or None


def _service_name(read: Reader) -> str:
    """Return SERVICE_NAME, or the best name that other settings give: never that of this machine."""
    sender, address = parseaddr(read.text("MAIL_FROM", default=""))
    places = [read.text("PUBLIC_URL", default=""), *read.words("FRONTEND_URL"), f"//{address.rpartition('@')[2]}"]
    hosts = [parts.hostname for parts in map(split_address, places) if parts and parts.hostname]
    known = [host for host in hosts if not is_loopback(host)]
    return read_service_name(read) or sender or (known[0] if known else UNNAMED)


def read_threads(read: Reader) -> int:
    """Read GUNICORN_THREADS."""
    # A sign-in that waits for its hash occupies a thread, which costs a little memory: they start when they are needed.
    return read.integer("GUNICORN_THREADS", default=256, low=1, high=1_024)


def read_origins(read: Reader) -> tuple[str, ...]:
    """Read FRONTEND_URL: the origins of the pages that use the service, as browsers spell them (RFC 6454)."""
    origins = tuple(word.rstrip("/").lower() for word in read.words("FRONTEND_URL"))
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            read.fault("FRONTEND_URL", f"holds {origin!r}", "hold whole origins such as https://app.example.com")
        elif read.production:
            _require_tls(read, "FRONTEND_URL", origin)
    return tuple(map(_without_default_port, origins))


def _read_credentials(read: Reader, origins: tuple[str, ...]) -> bool:
    """Read FRONTEND_CREDENTIALS. Cookies are for pages that are named, never for those of every origin."""
    is_on = read.flag("FRONTEND_CREDENTIALS", default=False)
    if is_on and not origins:
        read.fault("FRONTEND_CREDENTIALS", "is on without FRONTEND_URL", "stand with the origins of your pages")
    return is_on


def is_other_site(origin: str, url: str) -> bool:
    """Whether a page is surely of another site than a URL, so that cookies with SameSite=Strict do not go there.

    Sites have one scheme and one registrable domain, of which two labels are known here (example.com, and co.uk).
    """
    page, service = urlsplit(origin), urlsplit(url)
    site_of_page, site_of_service = (
        (parts.scheme, (parts.hostname or "").split(".")[-2:]) for parts in (page, service)
    )
    return site_of_page != site_of_service


def read_public_url(read: Reader) -> str | None:
    """Read PUBLIC_URL: links in e-mails lead there, and Sinch signs its path."""
    url = (read.web_address("PUBLIC_URL", example="https://id.example.com/otp") or "").rstrip("/")
    parts = split_address(url) if url else None
    if parts is None:
        return None
    if parts.query or parts.fragment or parts.username or "@" in parts.netloc:
        read.fault("PUBLIC_URL", f"holds {url!r}", "hold an address and a path alone")
    elif read.production:
        _require_tls(read, "PUBLIC_URL", url)
    return _without_default_port(f"{parts.scheme}://{parts.netloc.lower()}") + parts.path


def _require_tls(read: Reader, name: str, url: str) -> None:
    if not url.startswith("https://"):
        read.fault(name, f"holds {url!r}", "begin with https:// in production")


def _without_default_port(origin: str) -> str:
    """Return the origin without :443 or :80, as browsers send it in the Origin header."""
    return (
        origin.removesuffix({"https": ":443", "http": ":80"}[origin.partition(":")[0]]) if "://" in origin else origin
    )


def _read_ops_token(read: Reader) -> str | None:
    token = read.secret("OPS_TOKEN", default=None, minimum=16)
    if token is not None and read.production and is_weak(token):
        read.fault("OPS_TOKEN", "holds a weak or example value", "hold a random text (openssl rand -base64 24)")
    return token


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
        key_per_minute=read.integer("RATE_LIMIT_KEY_PER_MINUTE", default=600, low=1),
        ipv6_56_times=read.integer("RATE_LIMIT_IPV6_56_TIMES", default=4, low=1, high=256),
        ipv6_48_times=read.integer("RATE_LIMIT_IPV6_48_TIMES", default=16, low=1, high=65_536),
    )
