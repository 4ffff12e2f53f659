"""The settings of the whole service: which features bring some, and which combinations deserve a warning."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from otp_service import config
from otp_service.accounts.settings import LinkSettings, read_existence, read_links
from otp_service.anomalies.settings import read_anomalies
from otp_service.audit.settings import read_audit
from otp_service.captcha.settings import CaptchaSettings, Route, read_captcha
from otp_service.config import ENV_FILE, ROOT, ConfigError, env_file
from otp_service.config.env_file import READ_ELSEWHERE, merged, unknown_names
from otp_service.config.reader import SectionReader
from otp_service.config.server import is_other_site
from otp_service.factors.registry import FACTORS
from otp_service.factors.removals import read_removals
from otp_service.factors.trusted_devices.devices import read_trusted_devices
from otp_service.fraud.settings import read_fraud
from otp_service.hooks.settings import read_hooks
from otp_service.http_gateway import GatewaySettings
from otp_service.insights.settings import read_insights
from otp_service.mail.settings import MailSettings, read_mail
from otp_service.recovery.settings import read_recovery
from otp_service.selfservice.settings import read_deletion
from otp_service.sinch import SinchPrices
from otp_service.spending.settings import SpendSettings, read_spending
from otp_service.verifications.registry import PROVIDERS
from otp_service.verifications.settings import DeliverySettings, read_delivery

__all__ = ["ROOT", "Config", "ConfigError"]

READERS: tuple[SectionReader, ...] = (
    read_delivery,
    read_mail,
    read_anomalies,
    read_audit,
    read_fraud,
    read_existence,
    read_links,
    read_deletion,
    read_removals,
    read_trusted_devices,
    read_recovery,
    read_hooks,
    read_captcha,
    read_insights,
    read_spending,
    *(provider.settings for provider in PROVIDERS if provider.settings is not None),
    *(factor.settings for factor in FACTORS if factor.settings is not None),
)


class Config(config.Config):
    """All settings, those of every feature included."""

    __slots__ = ()

    @classmethod
    def load(cls) -> Self:
        """Read `.env` in the folder of this file, then the environment, which wins. Raises ConfigError."""
        file = env_file()
        found = cls.from_env(merged(file, ENV_FILE))
        unknown = unknown_names(file, found.asked | READ_ELSEWHERE)
        return replace(found, warnings=(*found.warnings, *unknown))

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings from a mapping of names to texts. Raises ConfigError with every fault at once."""
        found = cls.read(env, READERS)
        return replace(found, warnings=tuple(_warnings(found)))


def _warnings(found: Config) -> list[str]:
    """Return a line for each setting that is allowed but risky; the log shows them at the start."""
    server, lines = found.server, []
    if found.limits.enabled and not found.stores.redis_url and server.workers != 1:
        lines.append(
            f"REDIS_URL is not set: each of the {server.workers} workers counts requests by itself, "
            "so an address may send that many times the limit"
        )
    delivery = found.of(DeliverySettings)
    if delivery.supplies_code and "sinch" in delivery.providers and server.threads <= found.sinch.concurrency:
        lines.append(
            f"GUNICORN_THREADS is {server.threads}: with {found.sinch.concurrency} starts under way no thread may "
            "be left to answer Sinch's question for a code (OTP_SUPPLY_CODE)"
        )
    lines += [
        f"FRONTEND_CREDENTIALS is on, but browsers send no cookie from {origin} to PUBLIC_URL, which is another site"
        for origin in server.frontend_origins
        if server.frontend_credentials and server.public_url and is_other_site(origin, server.public_url)
    ]
    lines += _rate_warnings(found)
    return [*lines, *_production_warnings(found)] if found.is_production else lines


def _production_warnings(found: Config) -> list[str]:
    lines = []
    if found.stores.is_sqlite:
        lines.append("DATABASE_URL names SQLite: one machine, one writer at a time; use PostgreSQL for real traffic")
    if not found.server.trusted_proxy_count:
        lines.append(
            "TRUSTED_PROXY_COUNT is 0: behind the proxy that ends TLS, all clients share one address and its limits"
        )
    if not found.codes.sms_countries:
        lines.append("SMS_COUNTRIES is *: codes are sent to every country, at your cost")
    lines += _spend_warnings(found.of(SpendSettings))
    if "http" in found.of(DeliverySettings).providers and not found.of(GatewaySettings).prices:
        lines.append("HTTP_GATEWAY_PRICES is not set: what the gateway's messages cost is only known where it says so")
    if Route.PASSWORD_RESET in found.of(CaptchaSettings).required_on and not found.server.frontend_origins:
        lines.append("CAPTCHA_REQUIRED_ON has password-reset, but the page /reset-password of this service shows none")
    if found.of(LinkSettings).origin is None:
        lines.append("Neither FRONTEND_URL nor PUBLIC_URL is set: e-mails carry a code where they would carry a link")
    if found.of(MailSettings).server is None:
        lines.append("SMTP_URL is not set: no e-mail leaves, and people are not notified of changes to their accounts")
    return lines


def _spend_warnings(spending: SpendSettings) -> list[str]:
    if not spending.has_cap:
        return ["Neither SPEND_PER_DAY nor SPEND_PER_COUNTRY_DAY is set: what codes cost in a day has no limit"]
    if not spending.alert_addresses:
        return ["SPEND_ALERT_EMAIL is not set: the log alone says that a day's spend comes near its cap"]
    return []


def _rate_warnings(found: Config) -> list[str]:
    """Return a line for each price list in a currency that is not converted."""
    spending, prices, gateway = found.of(SpendSettings), found.of(SinchPrices), found.of(GatewaySettings)
    return [
        f"{name} is {currency}, which SPEND_RATES does not have: its prices count one for one in {spending.currency}"
        for name, currency in (("SINCH_CURRENCY", prices.currency), ("HTTP_GATEWAY_CURRENCY", gateway.currency))
        if spending.rate_of(currency) is None
    ]
