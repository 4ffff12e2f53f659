"""Settings: what is read, what it becomes, and what a person reads when it cannot be used."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from email.headerregistry import Address
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from config import Config
from otp_service.accounts.settings import ExistenceSettings, LinkSettings
from otp_service.anomalies.settings import RULES, Action, AnomalySettings
from otp_service.audit import AuditSettings
from otp_service.captcha import CaptchaSettings
from otp_service.config.reader import Reader
from otp_service.config.server import read_host
from otp_service.core import cores
from otp_service.factors.removals import RemovalSettings
from otp_service.factors.trusted_devices.devices import TrustedDeviceSettings
from otp_service.factors.webauthn.settings import WebAuthnSettings
from otp_service.fraud.settings import FraudSettings, Mode
from otp_service.hooks.settings import HookSettings
from otp_service.http_gateway.settings import GatewaySettings
from otp_service.insights import InsightSettings
from otp_service.mail.settings import MailSettings
from otp_service.providers import Channel
from otp_service.recovery.settings import RecoverySettings
from otp_service.selfservice.settings import DeletionSettings
from otp_service.simulator.settings import DEMO_CAPTCHA_SECRET, DEMO_KEY, DEMO_SECRET
from otp_service.sinch.price_list import SinchPrices
from otp_service.spending.settings import SpendSettings
from otp_service.verifications.settings import DeliverySettings
from tests.environments import PRODUCTION, load, refuse

DEFAULTS = {
    "app_env": "development",
    "security_profile": "standard",
    "stores.pool_size": 64,
    "stores.connection_options": {},
    "stores.connect_seconds": 2.0,
    "stores.statement_seconds": 2.0,
    "stores.lock_seconds": 2.0,
    "stores.redis_url": None,
    "server.trusted_proxy_count": 0,
    "server.frontend_origins": (),
    "server.frontend_credentials": False,
    "server.has_tls": False,
    "server.public_url": None,
    "server.is_open_development": False,
    "server.ops_token": None,
    "server.log_level": "INFO",
    "server.log_format": "text",
    "tokens.algorithm": "HS256",
    "tokens.ttl_seconds": 900,
    "tokens.clock_leeway_seconds": 5,
    "tokens.issuer": "otp_service",
    "tokens.audience": "otp_service",
    "tokens.refresh_ttl_seconds": 30 * 86_400,
    "tokens.refresh_idle_seconds": 30 * 86_400,
    "passwords.salt_rounds": 12,
    "passwords.minimum_length": 8,
    "passwords.breach_lookup_url": None,
    "passwords.requires_classes": True,
    "passwords.hash_concurrency": cores.available(),
    "passwords.hash_waiting": 160,
    "passwords.hash_wait_seconds": 15.0,
    "sign_in.mfa_policy": "always",
    "sign_in.challenge_ttl_seconds": 600,
    "codes.cooldown_seconds": 120,
    "codes.ttl_seconds": 300,
    "codes.checks_per_hour": 15,
    "codes.sends_per_number_hour": 5,
    "codes.sends_per_number_day": 10,
    "codes.sends_per_address_hour": 20,
    "codes.anonymous_sends_per_hour": 1_000,
    "codes.anonymous_sends_per_day": 5_000,
    "passwords.failures_before_wait": 5,
    "codes.sms_countries": frozenset(),
    "codes.phone_default_region": None,
    "sinch.app_key": DEMO_KEY,
    "sinch.app_secret": DEMO_SECRET,
    "sinch.base_url": "http://127.0.0.1:8090",
    "sinch.auth": "signed",
    "sinch.proxy": None,
    "sinch.ca_file": None,
    "sinch.read_timeout_seconds": 5.0,
    "sinch.breaker_failures": 5,
    "sinch.concurrency": 16,
    "sinch.wait_seconds": 3,
    "sign_in.beyond_phone": False,
    "tokens.max_sessions": 50,
    "sign_in.max_open_challenges": 10,
    "limits.enabled": True,
    "limits.ipv6_56_times": 4,
    "limits.ipv6_48_times": 16,
    "limits.window_seconds": 900,
    "limits.max_requests": 1_000,
    "limits.register_per_hour": 5,
    "limits.failed_logins": 30,
    "limits.refresh_per_minute": 30,
    "limits.key_per_minute": 600,
    "limits.otp_per_minute": 60,
    "server.workers": cores.available(),
    "server.threads": 256,
    "server.port": 8000,
    "server.has_docs": True,
    "server.shutdown_delay_seconds": 0,
    "server.service_name": "OTP Service",
    "stores.redis_prefix": "otp_service",
}
SECTIONS = [
    CaptchaSettings(
        url="http://127.0.0.1:8090/captcha/siteverify",
        secret=DEMO_CAPTCHA_SECRET,
        required_on=frozenset(),
        hostnames=frozenset(),
        checks_action=False,
        minimum_score=None,
        passes_when_away=False,
        timeout_seconds=3.0,
    ),
    DeliverySettings(fallbacks=(), supplies_code=False, webotp_domain=None, sms_template=None),
    MailSettings(sender=Address(addr_spec="no-reply@localhost")),
    AuditSettings(kept_for=timedelta(days=400)),
    AnomalySettings(actions=dict.fromkeys(RULES, Action.NOTIFY), speed=1_000, per_device=5, per_address=20),
    InsightSettings(kept_for=timedelta(days=400)),
    FraudSettings(mode=Mode.DESTINATIONS, kept_for=timedelta(days=31)),
    RemovalSettings(delay=timedelta(days=1)),
    RecoverySettings(hold=timedelta(days=3)),
    DeletionSettings(delay=timedelta(days=7)),
    ExistenceSettings(hidden=False),
    DeletionSettings(delay=timedelta(days=7)),
    RecoverySettings(hold=timedelta(hours=72)),
    TrustedDeviceSettings(days=30),
    WebAuthnSettings(rp_id="localhost", rp_name="localhost", origins=("http://localhost:8000",)),
    LinkSettings(origin="http://127.0.0.1:8000"),
    HookSettings(allows_private=False),
    SpendSettings(currency="EUR", rates={}, per_day=None, per_country_day={}, reserved_percent=20, alert_addresses=()),
    SinchPrices(),
    GatewaySettings(
        url=None,
        secret=b"",
        prices={},
        currency="EUR",
        ca_file=None,
        read_timeout_seconds=5.0,
        breaker_failures=5,
        concurrency=16,
    ),
]
MADE = {
    "instance_dir",
    "tokens.keys_dir",
    "tokens.secret",
    "stores.database_url",
    "stores.place",
    "encryption_keys",
    "sections",
    "asked",
    "warnings",
}


def test_on_postgresql_a_worker_has_fewer_connections(tmp_path: Path) -> None:
    assert load(tmp_path, DATABASE_URL="postgresql://h/d").stores.pool_size == 16


def test_without_any_setting_development_has_its_defaults(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert {name: attrgetter(name)(config) for name in DEFAULTS} == DEFAULTS
    assert dict(config.sections) == {type(section): section for section in SECTIONS}


def test_every_setting_has_its_default_checked_here(tmp_path: Path) -> None:
    assert set(names_of(load(tmp_path))) == DEFAULTS.keys() | MADE


def names_of(config: Config) -> Iterator[str]:
    """Every setting, as `section.name` where it stands in a section."""
    for field in fields(config):
        section = getattr(config, field.name)
        if is_dataclass(section):
            yield from (f"{field.name}.{inner.name}" for inner in fields(section))
        else:
            yield field.name


def test_blank_is_not_set(tmp_path: Path) -> None:
    assert load(tmp_path, OTP_TTL=" ", REDIS_URL="", APP_ENV="\t").codes.ttl_seconds == 300


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("NODE_ENV", "test", "app_env", "development"),
        ("APP_ENV", "Development", "app_env", "development"),
        ("SECURITY_PROFILE", "STRICT", "security_profile", "strict"),
        ("MFA_POLICY", "enrolment", "sign_in.mfa_policy", "enrolment"),
        ("PASSWORD_MIN_LENGTH", "12", "passwords.minimum_length", 12),
        ("PASSWORD_CHARACTER_CLASSES", "no", "passwords.requires_classes", False),
        ("PASSWORD_SALT_ROUNDS", "10", "passwords.salt_rounds", 10),
        ("PASSWORD_HASH_CONCURRENCY", "3", "passwords.hash_concurrency", 3),
        ("PASSWORD_HASH_QUEUE", "0", "passwords.hash_waiting", 0),
        ("PASSWORD_HASH_WAIT_MS", "250", "passwords.hash_wait_seconds", 0.25),
        ("REFRESH_TTL", "7d", "tokens.refresh_ttl_seconds", 604_800),
        ("REFRESH_IDLE", "2h", "tokens.refresh_idle_seconds", 7_200),
        ("TRUSTED_PROXY_COUNT", "2", "server.trusted_proxy_count", 2),
        ("FRONTEND_URL", "https://A.example.com/, http://[::1]:3000", "server.frontend_origins",
         ("https://a.example.com", "http://[::1]:3000")),
        ("FRONTEND_URL", "https://a.example.com:443,http://b.example.com:80,https://c.example.com:80",
         "server.frontend_origins", ("https://a.example.com", "http://b.example.com", "https://c.example.com:80")),
        ("PUBLIC_URL", "https://id.example.com", "server.has_tls", True),
        ("PUBLIC_URL", "http://127.0.0.1:8000", "server.has_tls", False),
        ("PUBLIC_URL", "https://ID.example.com:443/otp/", "server.public_url", "https://id.example.com/otp"),
        ("PUBLIC_URL", "https://id.example.com/otp", "server.public_path", "/otp"),
        ("PUBLIC_URL", "https://id.example.com/", "server.public_path", ""),
        ("API_DOCS", "off", "server.has_docs", False),
        ("PORT", "8123", "server.port", 8123),
        ("OPS_TOKEN", "x" * 16, "server.ops_token", "x" * 16),
        ("LOG_LEVEL", "debug", "server.log_level", "DEBUG"),
        ("LOG_FORMAT", "JSON", "server.log_format", "json"),
        ("GUNICORN_THREADS", "4", "server.threads", 4),
        ("GUNICORN_THREADS", "16", "passwords.hash_waiting", 8),
        ("GUNICORN_THREADS", "200", "passwords.hash_waiting", 104),
        ("WEB_CONCURRENCY", "3", "server.workers", 3),
        ("REDIS_URL", "rediss://cache:6380/1", "stores.redis_url", "rediss://cache:6380/1"),
        ("REDIS_URL", "unix:///run/valkey.sock", "stores.redis_url", "unix:///run/valkey.sock"),
        ("REDIS_URL", "valkey://:p%40@h/3", "stores.redis_url", "valkey://:p%40@h/3"),
        ("REDIS_PREFIX", "two", "stores.redis_prefix", "two"),
        ("REDIS_PREFIX", " ", "stores.redis_prefix", "otp_service"),
        ("JWT_ISSUER", "https://id.example.com/ä b", "stores.redis_prefix", "https://id.example.com/%C3%A4%20b"),
        ("DATABASE_POOL_SIZE", "5", "stores.pool_size", 5),
        ("DATABASE_URL", "postgres://u:p@h:5433/d", "stores.database_url", "postgresql+psycopg2://u:p@h:5433/d"),
        ("DATABASE_URL", "postgresql://u:p%40@h/d?sslmode=require", "stores.database_url",
         "postgresql+psycopg2://u:p%40@h/d?sslmode=require"),
        ("DATABASE_URL", "postgresql+asyncpg://h/d", "stores.database_url", "postgresql+psycopg2://h/d"),
        ("DATABASE_URL", "sqlite+aiosqlite:////tmp/a.db", "stores.database_url", "sqlite:////tmp/a.db"),
        ("DB_HOST", "db", "stores.database_url", "postgresql+psycopg2://postgres@db:5432/otp_service"),
        ("JWT_EXPIRES_IN", "1h", "tokens.ttl_seconds", 3_600),
        ("JWT_ALGORITHM", "eddsa", "tokens.algorithm", "EdDSA"),
        ("JWT_KEYS_DIR", "/keys", "tokens.keys_dir", Path("/keys")),
        ("JWT_ISSUER", "me", "tokens.issuer", "me"),
        ("JWT_AUDIENCE", "you", "tokens.audience", "you"),
        ("SIMULATOR_PORT", "8123", "sinch.base_url", "http://127.0.0.1:8123"),
        ("SINCH_BASE_URL", "http://sim:8090/verification/v1", "sinch.base_url", "http://sim:8090/verification/v1"),
        ("SINCH_AUTH", "basic", "sinch.auth", "basic"),
        ("SINCH_PROXY", "http://ada:pw@proxy:3128", "sinch.proxy", "http://ada:pw@proxy:3128"),
        ("SINCH_TIMEOUT_MS", "1500", "sinch.read_timeout_seconds", 1.5),
        ("SINCH_CONCURRENCY", "5", "sinch.concurrency", 5),
        ("SINCH_WAIT", "0", "sinch.wait_seconds", 0),
        ("SINCH_BREAKER_FAILURES", "9", "sinch.breaker_failures", 9),
        ("OTP_COOLDOWN", "0", "codes.cooldown_seconds", 0),
        ("OTP_TTL", "10m", "codes.ttl_seconds", 600),
        ("OTP_CHECKS_PER_HOUR", "7", "codes.checks_per_hour", 7),
        ("OTP_SENDS_PER_NUMBER_HOUR", "7", "codes.sends_per_number_hour", 7),
        ("OTP_SENDS_PER_NUMBER_DAY", "7", "codes.sends_per_number_day", 7),
        ("OTP_SENDS_PER_ADDRESS_HOUR", "7", "codes.sends_per_address_hour", 7),
        ("LOGIN_FAILURES_BEFORE_WAIT", "3", "passwords.failures_before_wait", 3),
        ("SMS_COUNTRIES", "us, GB,", "codes.sms_countries", frozenset({"US", "GB"})),
        ("SMS_COUNTRIES", " * ", "codes.sms_countries", frozenset()),
        ("PHONE_DEFAULT_REGION", "de", "codes.phone_default_region", "DE"),
        ("RATE_LIMITS_ENABLED", "off", "limits.enabled", False),
        ("RATE_LIMIT_WINDOW_MS", "60000", "limits.window_seconds", 60),
        ("RATE_LIMIT_MAX_REQUESTS", "7", "limits.max_requests", 7),
        ("RATE_LIMIT_REGISTER_PER_HOUR", "7", "limits.register_per_hour", 7),
        ("RATE_LIMIT_FAILED_LOGINS", "7", "limits.failed_logins", 7),
        ("RATE_LIMIT_OTP_PER_MINUTE", "7", "limits.otp_per_minute", 7),
        ("RATE_LIMIT_REFRESH_PER_MINUTE", "7", "limits.refresh_per_minute", 7),
        ("RATE_LIMIT_KEY_PER_MINUTE", "7", "limits.key_per_minute", 7),
    ],
)  # fmt: skip
def test_a_setting_is_read_into_its_type_and_unit(
    tmp_path: Path, name: str, text: str, attribute: str, value: Any
) -> None:
    assert attrgetter(attribute)(load(tmp_path, **{name: text})) == value


@pytest.mark.parametrize(
    ("name", "text", "may"),
    [
        ("APP_ENV", "prod", "hold one of development, production"),
        ("NODE_ENV", "prod", "hold one of development, production, test"),
        ("SECURITY_PROFILE", "lax", "hold one of standard, strict"),
        ("MFA_POLICY", "never", "hold one of always, enrolment"),
        ("BREACH_LOOKUP_URL", "pwned", "hold an address such as https://api.pwnedpasswords.com"),
        ("PASSWORD_MIN_LENGTH", "7", "hold a whole number from 8 to 64"),
        ("PASSWORD_CHARACTER_CLASSES", "maybe", "hold true or false"),
        ("PASSWORD_SALT_ROUNDS", "9", "hold a whole number from 10 to 15"),
        ("PASSWORD_SALT_ROUNDS", "16", "hold a whole number from 10 to 15"),
        ("PASSWORD_SALT_ROUNDS", "twelve", "hold a whole number from 10 to 15"),
        ("PASSWORD_SALT_ROUNDS", "１２", "hold a whole number from 10 to 15"),
        ("PASSWORD_SALT_ROUNDS", "1e1", "hold a whole number from 10 to 15"),
        ("REFRESH_TTL", "401d", "hold 60 to 34560000 seconds (units s, m, h, d are understood)"),
        ("TRUSTED_PROXY_COUNT", "-1", "hold a whole number from 0 to 10"),
        ("FRONTEND_URL", "*", "hold whole origins such as https://app.example.com"),
        ("FRONTEND_URL", "https://*.example.com", "hold whole origins such as https://app.example.com"),
        ("FRONTEND_URL", "https://a.example.com/app", "hold whole origins such as https://app.example.com"),
        ("FRONTEND_URL", "null", "hold whole origins such as https://app.example.com"),
        ("FRONTEND_URL", "http://[", "hold whole origins such as https://app.example.com"),
        ("PUBLIC_URL", "id.example.com", "hold an address such as https://id.example.com/otp"),
        ("PUBLIC_URL", "https://id.example.com/?a=b", "hold an address and a path alone"),
        ("LOG_LEVEL", "loud", "hold one of DEBUG, INFO, WARNING, ERROR"),
        ("LOG_FORMAT", "xml", "hold one of json, text"),
        ("WEB_CONCURRENCY", "0", "hold a whole number from 1 to 1024"),
        ("JWT_EXPIRES_IN", "2 weeks", "hold 30 to 86400 seconds (units s, m, h, d are understood)"),
        ("JWT_EXPIRES_IN", "29", "hold 30 to 86400 seconds (units s, m, h, d are understood)"),
        ("SINCH_AUTH", "none", "hold one of signed, basic"),
        ("SINCH_VERIFICATION_METHOD", "pigeon", "hold one of "),
        ("OTP_COOLDOWN", "-1", "hold 0 to 3600 seconds (units s, m, h, d are understood)"),
        ("OTP_TTL", "601", "hold 30 to 600 seconds (units s, m, h, d are understood)"),
        ("SMS_COUNTRIES", "UK", "hold two-letter country codes (ISO 3166-1) such as US, GB or DE"),
        ("PHONE_DEFAULT_REGION", "+1", "hold two-letter country codes (ISO 3166-1) such as US, GB or DE"),
        ("RATE_LIMITS_ENABLED", "2", "hold true or false"),
        ("RATE_LIMIT_WINDOW_MS", "999", "hold a whole number of 1000 or more"),
        ("RATE_LIMIT_MAX_REQUESTS", "0", "hold a whole number of 1 or more"),
        ("DATABASE_URL", "mysql://h/d", "name postgresql or sqlite"),
    ],
)
def test_a_bad_value_is_told_with_what_it_holds_and_what_it_may(tmp_path: Path, name: str, text: str, may: str) -> None:
    (line,) = refuse(tmp_path, **{name: text})
    assert line.startswith(f"{name}: ")
    assert repr(text) in line or repr(text.partition("://")[0]) in line
    assert f"; it must {may}" in line
    assert line.endswith(".")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATABASE_URL", "Hidden-9-pw"),
        ("DATABASE_URL", "postgresql://u:Hidden-9-pw@h:port/d"),
        ("DATABASE_URL", "mysql://u:Hidden-9-pw@h/d"),
        ("REDIS_URL", "http://:Hidden-9-pw@h"),
        ("REDIS_URL", "redis://:Hidden-9-pw@h:port/0"),
        ("REDIS_URL", "redis://["),
        ("SINCH_BASE_URL", "https://u:Hidden-9-pw@h"),
        ("SINCH_BASE_URL", "ftp://h"),
        ("SINCH_PROXY", "socks5://u:Hidden-9-pw@h"),
        ("SINCH_PROXY", "http://u:a@Hidden-9-pw@h"),
        ("SINCH_CA_FILE", "/no/such/file.pem"),
        ("SINCH_BASE_URL", "http://["),
        ("SINCH_BASE_URL", "http://h:99999"),
        ("JWT_SECRET", "Hidden-9-pw"),
        ("ENCRYPTION_KEY", "Hidden-9-pw"),
        ("ENCRYPTION_KEY", ","),
        ("ENCRYPTION_KEY", "é" * 44),
        ("ENCRYPTION_KEY", f"{PRODUCTION['ENCRYPTION_KEY']},SGlkZGVuLTktcHc="),
        ("OPS_TOKEN", "Hidden-9-pw"),
    ],
)
def test_a_fault_names_the_setting_and_not_a_secret_in_it(tmp_path: Path, name: str, text: str) -> None:
    (line,) = refuse(tmp_path, **{name: text})
    assert line.startswith(f"{name}: ")
    assert "; it must " in line
    assert "Hidden-9-pw" not in line


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    lines = refuse(tmp_path, OTP_TTL="soon", LOG_LEVEL="loud", JWT_SECRET="short", FRONTEND_URL="x", REDIS_URL="y")
    assert [line.partition(":")[0] for line in lines] == [
        "FRONTEND_URL", "LOG_LEVEL", "REDIS_URL", "JWT_SECRET", "OTP_TTL",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "length", "classes", "refresh_ttl"),
    [
        ({}, 8, False, 86_400),
        ({"MFA_POLICY": "enrolment"}, 15, False, 86_400),
        ({"PASSWORD_MIN_LENGTH": "9", "REFRESH_TTL": "1h", "PASSWORD_CHARACTER_CLASSES": "true"}, 9, True, 3_600),
    ],
)
def test_the_strict_profile_changes_defaults_and_each_can_be_overridden(
    tmp_path: Path, settings: dict[str, str], length: int, classes: bool, refresh_ttl: int
) -> None:
    config = load(tmp_path, SECURITY_PROFILE="strict", **settings)
    assert (config.passwords.minimum_length, config.passwords.requires_classes) == (length, classes)
    assert config.tokens.refresh_ttl_seconds == refresh_ttl


def test_codes_of_our_own_want_a_thread_to_be_told_with(tmp_path: Path) -> None:
    def warnings(threads: str) -> list[str]:
        config = load(tmp_path, OTP_SUPPLY_CODE="true", GUNICORN_THREADS=threads)
        return [line for line in config.warnings if line.startswith("GUNICORN_THREADS")]

    assert len(warnings("16")) == 1
    assert warnings("17") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBOTP_DOMAIN", "https://app.example.com"),
        ("WEBOTP_DOMAIN", "app.example.com #1"),
        ("OTP_SMS_TEMPLATE", "Your code is {CODE}"),
        ("OTP_SMS_TEMPLATE", "{{CODE}}" + "." * 460),
        ("OTP_FALLBACK_CHANNELS", "sms,seamless"),
        ("OTP_SUPPLY_CODE", "perhaps"),
    ],
)
def test_how_codes_travel_is_checked(tmp_path: Path, name: str, value: str) -> None:
    [fault] = refuse(tmp_path, **{name: value})
    assert fault.startswith(f"{name}: ")


def test_the_usual_channel_is_read_in_any_letter_case(tmp_path: Path) -> None:
    assert load(tmp_path, SINCH_VERIFICATION_METHOD="Callout").of(DeliverySettings).channel is Channel.CALLOUT


def test_the_strict_profile_supplies_codes_of_its_own(tmp_path: Path) -> None:
    assert load(tmp_path, SECURITY_PROFILE="strict").of(DeliverySettings).supplies_code
    assert not load(tmp_path).of(DeliverySettings).supplies_code
    assert not load(tmp_path, SECURITY_PROFILE="strict", OTP_SUPPLY_CODE="false").of(DeliverySettings).supplies_code


@pytest.mark.parametrize(
    "name", ["SINCH_APP_KEY", "SINCH_APP_SECRET", "DB_PASSWORD", "SMTP_URL", "JWT_SECRET", "SMS_COUNTRIES"]
)
@pytest.mark.parametrize("text", ["...", "\u2026", "<your value>"])
def test_a_placeholder_of_the_documentation_is_no_value(tmp_path: Path, name: str, text: str) -> None:
    lines = refuse(tmp_path, DB_HOST="db", APP_ENV="production", **{name: text})

    assert [line for line in lines if line.startswith(f"{name}:")] == [
        f"{name}: holds a placeholder; it must hold a value of your own."
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SINCH_APP_KEY", "your-application-key"),
        ("SINCH_BASE_URL", "https://[::ffff:127.0.0.1]"),
        ("SINCH_BASE_URL", "https://127.1"),
        ("OPS_TOKEN", "aaaaaaaaaaaaaaaa"),
        ("OPS_TOKEN", "changeme-changeme-changeme"),
        ("FRONTEND_URL", "http://app.example.com"),
        ("FRONTEND_URL", "https://app.example.com,http://localhost:3000"),
        ("PUBLIC_URL", "http://id.example.com"),
    ],
)
def test_production_rejects_what_only_a_trial_can_use(tmp_path: Path, name: str, text: str) -> None:
    (line,) = refuse(tmp_path, **{**PRODUCTION, name: text})

    assert line.startswith(f"{name}: holds ")


def test_cookies_are_for_pages_that_are_named(tmp_path: Path) -> None:
    (alone,) = refuse(tmp_path, FRONTEND_CREDENTIALS="true")
    anywhere = refuse(tmp_path, FRONTEND_CREDENTIALS="true", FRONTEND_URL="*")

    assert alone.startswith("FRONTEND_CREDENTIALS: is on without FRONTEND_URL; it must ")
    assert [line.partition(":")[0] for line in anywhere] == ["FRONTEND_URL"]
    assert load(tmp_path, FRONTEND_CREDENTIALS="true", FRONTEND_URL="https://a.example").server.frontend_credentials


@pytest.mark.parametrize(
    ("page", "service", "is_warned"),
    [
        ("https://app.example.com", "https://id.example.com", False),
        ("https://example.com", "https://id.example.com/otp", False),
        ("http://localhost:3000", "http://localhost:8000", False),
        ("https://app.example.org", "https://id.example.com", True),
        ("http://app.example.com", "https://id.example.com", True),
        ("http://localhost:3000", "http://127.0.0.1:8000", True),
    ],
)
def test_pages_whose_browsers_send_no_cookie_are_a_warning(
    tmp_path: Path, page: str, service: str, is_warned: bool
) -> None:
    found = load(tmp_path, FRONTEND_URL=page, PUBLIC_URL=service, FRONTEND_CREDENTIALS="true", WEB_CONCURRENCY="1")

    assert [line for line in found.warnings if line.startswith("FRONTEND_CREDENTIALS")] == (
        [f"FRONTEND_CREDENTIALS is on, but browsers send no cookie from {page} to PUBLIC_URL, which is another site"]
        if is_warned
        else []
    )


def test_links_lead_to_the_pages_of_the_frontend_else_to_our_own(tmp_path: Path) -> None:
    own = {**PRODUCTION, "PUBLIC_URL": "https://id.example.com/otp"}

    assert load(tmp_path, **own).of(LinkSettings).origin == "https://app.example.com"
    assert load(tmp_path, **{**own, "FRONTEND_URL": ""}).of(LinkSettings).origin == "https://id.example.com/otp"


def test_any_letter_case_of_production_is_production(tmp_path: Path) -> None:
    assert "JWT_SECRET: is not set" in "".join(refuse(tmp_path, NODE_ENV="Production"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "dev.example.com", "localhost.example.com"])
def test_a_development_server_listens_to_this_machine_alone(host: str) -> None:
    read = Reader({"HOST": host})

    assert read_host(read) == host
    (fault,) = read.faults
    assert fault.startswith(f"HOST: holds '{host}'; it must be 127.0.0.1 in development: its pages show all e-mails")


@pytest.mark.parametrize(
    "settings",
    [
        {"HOST": "127.0.0.1"},
        {"HOST": "::1"},
        {"HOST": "localhost"},
        {"HOST": "0.0.0.0", "APP_ENV": "production"},
        {"HOST": "0.0.0.0", "ALLOW_INSECURE_DEVELOPMENT": "true"},
    ],
)
def test_production_and_an_operator_who_consents_listen_anywhere(settings: dict[str, str]) -> None:
    read = Reader(settings)

    assert (read_host(read), read.faults) == (settings["HOST"], [])
