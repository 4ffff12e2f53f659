"""Reads how long codes live, how often they may be sent and tried, and to which countries."""

from dataclasses import dataclass

from otp_service.config.reader import Reader
from otp_service.core.phone import is_country


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSettings:
    """An empty `sms_countries` allows every country. `phone_default_region` completes numbers without `+`."""

    cooldown_seconds: int
    ttl_seconds: int
    checks_per_hour: int
    sends_per_number_hour: int
    sends_per_number_day: int
    sends_per_address_hour: int
    sms_countries: frozenset[str]
    phone_default_region: str | None


def read_codes(read: Reader) -> CodeSettings:
    """Read OTP_*, SMS_COUNTRIES and PHONE_DEFAULT_REGION."""
    countries = frozenset(word.upper() for word in read.words("SMS_COUNTRIES"))
    region = read.text("PHONE_DEFAULT_REGION", default="").upper() or None
    for name, code in (*(("SMS_COUNTRIES", code) for code in sorted(countries)), ("PHONE_DEFAULT_REGION", region)):
        if code is not None and not is_country(code):
            read.fault(name, f"holds {code!r}", "hold two-letter country codes (ISO 3166-1) such as US, GB or DE")
    return CodeSettings(
        cooldown_seconds=read.duration("OTP_COOLDOWN", default=120, low=0, high=3_600),
        ttl_seconds=read.duration("OTP_TTL", default=300, low=30, high=600),
        checks_per_hour=read.integer("OTP_CHECKS_PER_HOUR", default=15, low=1, high=10_000),
        sends_per_number_hour=read.integer("OTP_SENDS_PER_NUMBER_HOUR", default=5, low=1, high=100_000),
        sends_per_number_day=read.integer("OTP_SENDS_PER_NUMBER_DAY", default=10, low=1, high=100_000),
        sends_per_address_hour=read.integer("OTP_SENDS_PER_ADDRESS_HOUR", default=20, low=1, high=1_000_000),
        sms_countries=countries,
        phone_default_region=region,
    )
