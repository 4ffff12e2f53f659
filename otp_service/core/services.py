"""What the running application holds: settings, keys, clients and threads, in one typed place.

The features make these values and stand above the core, so this module imports their types for the type checker only.
The import contract names these imports one by one. Protocols would repeat the interfaces that they stand for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from flask import Flask, current_app

if TYPE_CHECKING:
    from otp_service.audit.subject_keys import SubjectKeys
    from otp_service.captcha.client import CaptchaClient
    from otp_service.config import Config
    from otp_service.core.background import Background
    from otp_service.core.crypto.hash_slots import HashSlots, LowPriorityThreads
    from otp_service.core.crypto.secrets import Keyring
    from otp_service.core.web.even_timing import EvenTiming
    from otp_service.core.web.limit_store import LimitStore
    from otp_service.providers import Provider
    from otp_service.sessions.access import RequirementOf
    from otp_service.sessions.signing_keys import SigningKeys

_NAME = "otp_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Made once for an application, before it serves. To make it opens no connection."""

    settings: "Config"
    keyring: "Keyring"
    audit_keys: "SubjectKeys"
    signing_keys: "SigningKeys"
    requirement_of: "RequirementOf"
    hash_slots: "HashSlots"
    hash_threads: "LowPriorityThreads"
    even_timing: "EvenTiming"
    background: "Background"
    limit_store: "LimitStore"
    providers: "Mapping[str, Provider]"
    """Those in use, by name, in the order in which they are tried."""
    captcha: "CaptchaClient | None" = None
    """None without a verifier."""
    documents: dict[str, bytes] = field(default_factory=dict)
    """Documents that are rendered at the first request, by their names."""
    billed_prices: dict[tuple[str, str, str], tuple[int, date]] = field(default_factory=dict)
    """The highest bills, in units, and their days, by provider, channel and country (`spending.pricing`)."""
    currencies_without_rate: set[str] = field(default_factory=set)
    """Those that the log has named (`spending.money`)."""


def install(app: Flask, held: Services) -> None:
    """Give the application what it holds, in place of what it held before."""
    app.extensions[_NAME] = held


def services_of(app: Flask) -> Services:
    """Return what an application holds."""
    held: Services = app.extensions[_NAME]
    return held


def services() -> Services:
    """Return what the running application holds; needs an application context."""
    held: Services = current_app.extensions[_NAME]
    return held


def settings() -> "Config":
    """Return the settings of the running application."""
    return services().settings
