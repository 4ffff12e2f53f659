"""Reads the rules of passwords and codes, how many factors a sign-in takes, and to which countries codes go."""

from dataclasses import dataclass

from otp_service.config.providers import read_providers
from otp_service.config.reader import Reader
from otp_service.config.server import read_threads
from otp_service.core import cores
from otp_service.core.phone import is_country

COUNTRY_CODES = "hold two-letter country codes (ISO 3166-1) such as US, GB or DE"
EVERY_COUNTRY = "*"
THREADS_FOR_THE_REST = 32
THREADS_OF_A_PROVIDER = 64
"""As many may call a provider of messages or wait to do so, by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSettings:
    """With `beyond_phone`, a code on the phone is not a second factor: it only lets people in to set up another."""

    mfa_policy: str
    beyond_phone: bool
    max_open_challenges: int
    challenge_ttl_seconds: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSettings:
    """What a password must be, what its hash costs, and how many failures in a row start a wait.

    At most `hash_concurrency` hashes run at once on a machine, and `hash_waiting` wait in each process.
    """

    minimum_length: int
    requires_classes: bool
    breach_lookup_url: str | None
    salt_rounds: int
    hash_concurrency: int
    hash_waiting: int
    hash_wait_seconds: float
    failures_before_wait: int


def read_sign_in(read: Reader) -> SignInSettings:
    """Read MFA_* and MAX_OPEN_CHALLENGES."""
    return SignInSettings(
        mfa_policy=_mfa_policy(read),
        beyond_phone=read.flag("MFA_BEYOND_PHONE", default=False),
        max_open_challenges=read.integer("MAX_OPEN_CHALLENGES", default=10, low=1, high=1_000),
    )


def read_passwords(read: Reader) -> PasswordSettings:
    """Read PASSWORD_*, BREACH_LOOKUP_URL and LOGIN_FAILURES_BEFORE_WAIT."""
    # NIST SP 800-63B-4, section 3.1.1.2: 15 characters where the password is the only factor, else 8.
    shortest = 15 if read.strict and _mfa_policy(read) != "always" else 8
    return PasswordSettings(
        minimum_length=read.integer("PASSWORD_MIN_LENGTH", default=shortest, low=8, high=64),
        requires_classes=read.flag("PASSWORD_CHARACTER_CLASSES", default=not read.strict),
        breach_lookup_url=read.web_address("BREACH_LOOKUP_URL", example="https://api.pwnedpasswords.com"),
        salt_rounds=read.integer("PASSWORD_SALT_ROUNDS", default=12, low=10, high=15),
        hash_concurrency=read.integer("PASSWORD_HASH_CONCURRENCY", default=cores.available(), low=1, high=256),
        hash_waiting=read.integer("PASSWORD_HASH_QUEUE", default=_places(read), low=0, high=1_000),
        hash_wait_seconds=read.integer("PASSWORD_HASH_WAIT_MS", default=15_000, low=0, high=60_000) / 1000,
        failures_before_wait=read.integer("LOGIN_FAILURES_BEFORE_WAIT", default=5, low=1, high=100),
    )


def _places(read: Reader) -> int:
    """Return how many of a worker's threads may wait for a hash: the rest serves everything else (ADR 22)."""
    threads, others = read_threads(read), THREADS_FOR_THE_REST + THREADS_OF_A_PROVIDER * len(read_providers(read))
    return max(1, threads // 2, threads - others)


def _mfa_policy(read: Reader) -> str:
    return read.choice("MFA_POLICY", ("always", "enrolment"), default="always")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSettings:
    """An empty `sms_countries` allows every country. `phone_default_region` completes numbers without `+`."""

    cooldown_seconds: int
    ttl_seconds: int
    checks_per_hour: int
    sends_per_number_hour: int
    sends_per_number_day: int
    sends_per_address_hour: int
    anonymous_sends_per_hour: int
    anonymous_sends_per_day: int
    sms_countries: frozenset[str]
    phone_default_region: str | None


def read_codes(read: Reader) -> CodeSettings:
    """Read OTP_*, SMS_COUNTRIES and PHONE_DEFAULT_REGION."""
    region = read.text("PHONE_DEFAULT_REGION", default="").upper() or None
    if region is not None and not is_country(region):
        read.fault("PHONE_DEFAULT_REGION", f"holds {region!r}", COUNTRY_CODES)
    return CodeSettings(
        cooldown_seconds=read.duration("OTP_COOLDOWN", default=120, low=0, high=3_600),
        ttl_seconds=read.duration("OTP_TTL", default=300, low=30, high=600),
        checks_per_hour=read.integer("OTP_CHECKS_PER_HOUR", default=15, low=1, high=10_000),
        sends_per_number_hour=read.integer("OTP_SENDS_PER_NUMBER_HOUR", default=5, low=1, high=100_000),
        sends_per_number_day=read.integer("OTP_SENDS_PER_NUMBER_DAY", default=10, low=1, high=100_000),
        sends_per_address_hour=read.integer("OTP_SENDS_PER_ADDRESS_HOUR", default=20, low=1, high=1_000_000),
        anonymous_sends_per_hour=read.integer("OTP_ANONYMOUS_SENDS_PER_HOUR", default=1_000, low=1, high=10_000_000),
        anonymous_sends_per_day=read.integer("OTP_ANONYMOUS_SENDS_PER_DAY", default=5_000, low=1, high=100_000_000),
        sms_countries=_read_countries(read),
        phone_default_region=region,
    )


def _read_countries(read: Reader) -> frozenset[str]:
    """Read SMS_COUNTRIES. Production names its countries: a message to another one costs money and serves attackers."""
    words = sorted({word.upper() for word in read.words("SMS_COUNTRIES")})
    if not words and read.production:
        read.fault("SMS_COUNTRIES", "is not set", "hold the countries that codes are sent to (US,GB,DE), or * for all")
    if words == [EVERY_COUNTRY]:
        return frozenset()
    for code in words:
        if not is_country(code):
            may = "stand alone, without other countries" if code == EVERY_COUNTRY else COUNTRY_CODES
            read.fault("SMS_COUNTRIES", f"holds {code!r}", may)
    return frozenset(words)
