"""The service's settings: read from the environment and `.env`, checked once, frozen afterwards."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from otp_service.accounts.settings import ExistenceSettings, LinkSettings, read_existence, read_links
from otp_service.core.database_url import read_database_url
from otp_service.core.key_settings import read_keys, refuse_folder
from otp_service.core.phone import is_country
from otp_service.core.settings import Reader, decoded_base64, is_loopback, split_address
from otp_service.factors.settings import FactorSettings, TrustedDeviceSettings, read_factors, read_trusted_devices
from otp_service.factors.webauthn.settings import WebAuthnSettings, read_webauthn
from otp_service.mail.settings import MailSettings, read_mail
from otp_service.sinch import SinchSettings
from otp_service.verifications.settings import CHANNEL_NAMES, DeliverySettings, read_delivery

ROOT = Path(__file__).resolve().parent
STARTS_AT_ONCE = SinchSettings.max_in_flight
SINCH_URL = "https://verification.api.sinch.com"
ORIGIN = re.compile(r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class ConfigError(SystemExit):
    """The settings are not fit to start with; `faults` has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("The service cannot start. Mend these settings:\n" + "\n".join(f"  {f}" for f in faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings, in their own types and units. Names follow the environment variables."""

    app_env: str
    security_profile: str
    instance_dir: Path
    database_url: str = field(repr=False)
    database_pool_size: int
    redis_url: str | None = field(repr=False)
    trusted_proxy_count: int
    frontend_origins: tuple[str, ...]
    ops_token: str | None = field(repr=False)
    log_level: str
    log_format: str
    jwt_algorithm: str
    jwt_keys_dir: Path
    jwt_secret: str = field(repr=False)
    jwt_ttl_seconds: int
    jwt_issuer: str
    jwt_audience: str
    refresh_ttl_seconds: int
    refresh_idle_seconds: int
    encryption_keys: tuple[bytes, ...] = field(repr=False)
    password_salt_rounds: int
    password_minimum_length: int
    breach_lookup_url: str | None
    password_requires_classes: bool
    password_hash_concurrency: int
    password_hash_waiting: int
    password_hash_wait_seconds: float
    mfa_policy: str
    challenge_ttl_seconds: int
    otp_cooldown_seconds: int
    otp_ttl_seconds: int
    otp_checks_per_hour: int
    otp_sends_per_number_hour: int
    otp_sends_per_number_day: int
    otp_sends_per_address_hour: int
    login_failures_before_wait: int
    sms_countries: frozenset[str]
    phone_default_region: str | None
    sinch_app_key: str
    sinch_app_secret: str = field(repr=False)
    sinch_base_url: str
    sinch_auth: str
    sinch_method: str
    sinch_read_timeout_seconds: float
    sinch_breaker_failures: int
    delivery: DeliverySettings
    mail: MailSettings
    factors: FactorSettings
    trusted_devices: TrustedDeviceSettings
    links: LinkSettings
    existence: ExistenceSettings
    webauthn: WebAuthnSettings
    rate_limits_enabled: bool
    rate_limit_window_seconds: int
    rate_limit_max_requests: int
    rate_limit_register_per_hour: int
    rate_limit_failed_logins: int
    rate_limit_refresh_per_minute: int
    rate_limit_otp_per_minute: int
    workers: int
    threads: int
    warnings: tuple[str, ...] = ()

    @property
    def is_production(self) -> bool:
        """Whether the rules for real traffic apply."""
        return self.app_env == "production"

    @classmethod
    def load(cls) -> "Config":
        """Read `.env` beside this file, then the environment, which wins. Raises ConfigError."""
        env_file = {k: v for k, v in dotenv_values(ROOT / ".env").items() if v is not None}
        return cls.from_env({**env_file, **os.environ})

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Config":
        """Read the settings from a mapping of names to texts. Raises ConfigError with every fault at once."""
        read = Reader(env)
        values = _read_all(read)
        if read.faults:
            raise ConfigError(read.faults)
        return cls(**values, warnings=tuple(_warnings(values)))  # type: ignore[arg-type]


def _read_all(read: Reader) -> dict[str, object]:
    app_env = read.choice("APP_ENV", ("development", "production"), default=_node_env(read))
    production = app_env == "production"
    instance_dir = _instance_dir(read)
    values: dict[str, object] = {"app_env": app_env, "instance_dir": instance_dir}
    values |= _profile(read)
    values |= _server(read, production=production)
    values |= _stores(read, instance_dir, production=production)
    values |= read_keys(read, instance_dir, production=production)
    values |= _sinch(read, production=production)
    values |= _otp(read)
    values["delivery"] = read_delivery(read, strict=values["security_profile"] == "strict")
    values["mail"] = read_mail(read, production=production)
    values["factors"] = read_factors(read)
    values["trusted_devices"] = read_trusted_devices(read, strict=values["security_profile"] == "strict")
    values["webauthn"] = read_webauthn(read, production=production)
    values |= _limits(read)
    return values


def _instance_dir(read: Reader) -> Path:
    """Made here, so that what is wrong with it is told with the rest."""
    path = Path(read.text("INSTANCE_DIR", default=str(ROOT / "instance")))
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds secrets and, with SQLite, everybody's data
    except OSError as error:
        refuse_folder(read, error)
    return path


def _node_env(read: Reader) -> str:
    """NODE_ENV was the first version's name for APP_ENV; `test` and the like mean development here."""
    return "production" if read.text("NODE_ENV", default="") == "production" else "development"


def _profile(read: Reader) -> dict[str, object]:
    profile = read.choice("SECURITY_PROFILE", ("standard", "strict"), default="standard")
    strict = profile == "strict"
    policy = read.choice("MFA_POLICY", ("always", "enrolment"), default="always")
    return {
        "security_profile": profile,
        "existence": read_existence(read, strict=strict),
        "mfa_policy": policy,
        "breach_lookup_url": read.web_address("BREACH_LOOKUP_URL", example="https://api.pwnedpasswords.com"),
        "password_minimum_length": read.integer(
            "PASSWORD_MIN_LENGTH", default=15 if strict and policy != "always" else 8, low=8, high=64
        ),
        "password_requires_classes": read.flag("PASSWORD_CHARACTER_CLASSES", default=not strict),
        "password_salt_rounds": read.integer("PASSWORD_SALT_ROUNDS", default=12, low=10, high=15),
        "password_hash_concurrency": read.integer(
            "PASSWORD_HASH_CONCURRENCY", default=os.cpu_count() or 1, low=1, high=256
        ),
        "password_hash_wait_seconds": read.integer("PASSWORD_HASH_WAIT_MS", default=800, low=0, high=5_000) / 1000,
        "refresh_ttl_seconds": read.duration(
            "REFRESH_TTL", default=86_400 if strict else 30 * 86_400, low=60, high=400 * 86_400
        ),
        "refresh_idle_seconds": read.duration(
            "REFRESH_IDLE", default=3_600 if strict else 30 * 86_400, low=60, high=400 * 86_400
        ),
    }


def _server(read: Reader, *, production: bool) -> dict[str, object]:
    for name in ("FLASK_DEBUG", "DEBUG") if production else ():
        if read.flag(name, default=False):
            read.fault(name, "is on", "be off in production")
    origins = _origins(read)
    threads = read.integer("GUNICORN_THREADS", default=32, low=1, high=256)
    return {
        "trusted_proxy_count": read.integer("TRUSTED_PROXY_COUNT", default=0, low=0, high=10),
        "frontend_origins": origins,
        "links": read_links(read, origins, production=production),
        "ops_token": read.secret("OPS_TOKEN", default=None, minimum=16),
        "log_level": read.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO", fold=str.upper),
        "log_format": read.choice("LOG_FORMAT", ("json", "text"), default="json" if production else "text"),
        "threads": threads,
        # Who is refused at once may ask again at once, and takes the processor from the hashes: it is cheaper to let
        # many wait, in threads that cost nothing meanwhile.
        "password_hash_waiting": read.integer("PASSWORD_HASH_QUEUE", default=max(1, threads // 2), low=0, high=1_000),
        "workers": read.integer("WEB_CONCURRENCY", default=os.cpu_count() or 1, low=1, high=1024),
    }


def _origins(read: Reader) -> tuple[str, ...]:
    origins = tuple(word.rstrip("/").lower() for word in read.words("FRONTEND_URL"))
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            read.fault("FRONTEND_URL", f"holds {origin!r}", "hold whole origins such as https://app.example.com")
    return origins


def _stores(read: Reader, instance_dir: Path, *, production: bool) -> dict[str, object]:
    redis_url = read.text("REDIS_URL", default="")
    parts = split_address(redis_url)
    if redis_url and (parts is None or parts.scheme not in {"redis", "rediss", "unix"}):
        read.fault("REDIS_URL", "is no Redis address", "hold redis://host:port/0, rediss://... or unix:///path")
    database_url = read_database_url(read, instance_dir, production=production)
    # SQLite's connections are open files, and its writers keep theirs while they wait for each other.
    pool_size = 64 if database_url.startswith("sqlite") else 16
    return {
        "database_url": database_url,
        "database_pool_size": read.integer("DATABASE_POOL_SIZE", default=pool_size, low=1, high=200),
        "redis_url": redis_url or None,
    }


def _sinch(read: Reader, *, production: bool) -> dict[str, object]:
    from otp_service.simulator.credentials import DEMO_KEY, DEMO_SECRET

    key = read.text("SINCH_APP_KEY", default="")
    secret = read.secret("SINCH_APP_SECRET", default=None)
    simulated = f"http://127.0.0.1:{read.integer('SIMULATOR_PORT', default=8090, low=1, high=65535)}"
    base_url = read.text("SINCH_BASE_URL", default=SINCH_URL if key or production else simulated)
    if production or key or secret:
        _check_credentials(read, key, secret)
    if production:
        _refuse_simulator(read, key, secret)
    parts = split_address(base_url)
    if parts is None or parts.scheme not in {"http", "https"} or "@" in base_url:
        read.fault("SINCH_BASE_URL", "is no address of a server", f"hold one such as {SINCH_URL}")
    elif production and (parts.scheme != "https" or is_loopback(parts.hostname or "")):
        read.fault("SINCH_BASE_URL", f"holds {base_url!r}", f"hold {SINCH_URL}: no simulator in production")
    return {
        "sinch_app_key": key or DEMO_KEY,
        "sinch_app_secret": secret or DEMO_SECRET,
        "sinch_base_url": base_url,
        "sinch_auth": read.choice("SINCH_AUTH", ("signed", "basic"), default="signed"),
        "sinch_method": read.choice("SINCH_VERIFICATION_METHOD", CHANNEL_NAMES, default="sms", fold=str.lower),
        "sinch_breaker_failures": read.integer("SINCH_BREAKER_FAILURES", default=5, low=1, high=1_000_000),
        "sinch_read_timeout_seconds": read.integer("SINCH_TIMEOUT_MS", default=5_000, low=100, high=7_000) / 1000,
    }


def _check_credentials(read: Reader, key: str, secret: str | None) -> None:
    if not key:
        read.fault("SINCH_APP_KEY", "is not set", "hold the application key of your Sinch dashboard")
    if not secret:
        read.fault("SINCH_APP_SECRET", "is not set", "hold the application secret of your Sinch dashboard")
        return
    if not decoded_base64(secret + "=" * (-len(secret) % 4)):
        read.fault("SINCH_APP_SECRET", "is no base64", "hold the application secret as the dashboard shows it")


def _refuse_simulator(read: Reader, key: str, secret: str | None) -> None:
    from otp_service.simulator.credentials import DEMO_KEY, DEMO_SECRET

    if key == DEMO_KEY:
        read.fault("SINCH_APP_KEY", "holds the simulator's key", "hold your own in production")
    if secret == DEMO_SECRET:
        read.fault("SINCH_APP_SECRET", "holds the simulator's secret", "hold your own in production")


def _otp(read: Reader) -> dict[str, object]:
    countries = frozenset(word.upper() for word in read.words("SMS_COUNTRIES"))
    region = read.text("PHONE_DEFAULT_REGION", default="").upper() or None
    for name, code in (*(("SMS_COUNTRIES", code) for code in sorted(countries)), ("PHONE_DEFAULT_REGION", region)):
        if code is not None and not is_country(code):
            read.fault(name, f"holds {code!r}", "hold two-letter country codes (ISO 3166-1) such as US, GB or DE")
    return {
        "otp_cooldown_seconds": read.duration("OTP_COOLDOWN", default=120, low=0, high=3_600),
        "otp_ttl_seconds": read.duration("OTP_TTL", default=300, low=30, high=600),
        "otp_checks_per_hour": read.integer("OTP_CHECKS_PER_HOUR", default=15, low=1, high=10_000),
        "otp_sends_per_number_hour": read.integer("OTP_SENDS_PER_NUMBER_HOUR", default=5, low=1, high=100_000),
        "otp_sends_per_number_day": read.integer("OTP_SENDS_PER_NUMBER_DAY", default=10, low=1, high=100_000),
        "otp_sends_per_address_hour": read.integer("OTP_SENDS_PER_ADDRESS_HOUR", default=20, low=1, high=1_000_000),
        "login_failures_before_wait": read.integer("LOGIN_FAILURES_BEFORE_WAIT", default=5, low=1, high=100),
        "sms_countries": countries,
        "phone_default_region": region,
    }


def _limits(read: Reader) -> dict[str, object]:
    return {
        "rate_limits_enabled": read.flag("RATE_LIMITS_ENABLED", default=True),
        "rate_limit_window_seconds": max(1, read.integer("RATE_LIMIT_WINDOW_MS", default=900_000, low=1_000) // 1000),
        "rate_limit_max_requests": read.integer("RATE_LIMIT_MAX_REQUESTS", default=1_000, low=1),
        "rate_limit_register_per_hour": read.integer("RATE_LIMIT_REGISTER_PER_HOUR", default=5, low=1),
        "rate_limit_failed_logins": read.integer("RATE_LIMIT_FAILED_LOGINS", default=30, low=1),
        "rate_limit_otp_per_minute": read.integer("RATE_LIMIT_OTP_PER_MINUTE", default=60, low=1),
        "rate_limit_refresh_per_minute": read.integer("RATE_LIMIT_REFRESH_PER_MINUTE", default=30, low=1),
    }


def _warnings(values: dict[str, Any]) -> list[str]:
    """What is allowed but deserves a line in the log at start."""
    found = []
    if values["rate_limits_enabled"] and not values["redis_url"] and values["workers"] != 1:
        found.append(
            f"REDIS_URL is not set: each of the {values['workers']} workers counts requests by itself, "
            "so an address may send that many times the limit"
        )
    if values["delivery"].supplies_code and values["threads"] <= STARTS_AT_ONCE:
        found.append(
            f"GUNICORN_THREADS is {values['threads']}: with {STARTS_AT_ONCE} starts under way no thread may be left to "
            "answer Sinch's question for a code (OTP_SUPPLY_CODE)"
        )
    if values["app_env"] == "production":
        if values["database_url"].startswith("sqlite"):
            found.append(
                "DATABASE_URL names SQLite: one machine, one writer at a time; use PostgreSQL for real traffic"
            )
        if not values["sms_countries"]:
            found.append("SMS_COUNTRIES is not set: codes are sent to every country, at your cost")
        if values["links"].origin is None:
            found.append("FRONTEND_URL is not set: e-mails carry a code where they would carry a link")
        if values["mail"].server is None:
            found.append("SMTP_URL is not set: no e-mail leaves, people are not told of changes to their accounts")
    return found
