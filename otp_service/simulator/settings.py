"""The settings of a simulator: credentials, callbacks, and every point that Sinch leaves undocumented."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

DEMO_KEY = "00000000-demo-0000-0000-simulator000"  # made up: Sinch knows no such application
DEMO_SECRET = "bm90LWEtcmVhbC1zaW5jaC1zZWNyZXQ="  # noqa: S105 - base64 of "not-a-real-sinch-secret"

DEMO_GATEWAY_SECRET = "whsec_bm90LWEtcmVhbC1nYXRld2F5LXNlY3JldA=="  # noqa: S105 - "not-a-real-gateway-secret"

DEMO_CAPTCHA_SECRET = "not-a-real-captcha-secret"  # noqa: S105 - as it says

EndedReport = Literal["not_found", "invalid_code"]
ExpiredReport = Literal["fail", "not_found"]
AuthLevel = Literal["public", "basic", "application"]


def _help(text: str) -> dict[str, str]:
    """Mark a field that the command line offers as an option of the same name."""
    return {"help": text}


@dataclass(frozen=True)
class SimulatorSettings:
    """Durations are seconds. Raises ValueError, which names the field, for a value that cannot work."""

    key: str
    secret: str
    callback_url: str | None = None
    gateway_secret: str = DEMO_GATEWAY_SECRET
    captcha_secret: str = DEMO_CAPTCHA_SECRET
    state_path: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    now: Callable[[], datetime] | None = None
    """The source of time. A test passes its own clock, so that client and simulator always agree."""

    callback_timeout_seconds: float = field(default=5.0, metadata=_help("How long a callback may take to respond."))
    callback_retries: int = field(default=0, metadata=_help("How often a failed callback is retried."))
    callback_retry_delay_seconds: float = field(default=1.0, metadata=_help("The pause before each retry."))
    # Sinch publishes few of the defaults below. They come from its fixtures and captured events: docs/simulator.md.
    sms_code_length: int = field(default=4, metadata=_help("Characters of an SMS or WhatsApp code."))
    callout_code_length: int = field(default=6, metadata=_help("Digits of a spoken code."))
    expiry_seconds: int = field(default=300, metadata=_help("The lifetime of a code."))
    flashcall_report_seconds: int = field(default=75, metadata=_help("How long a flash call can be reported."))
    wrong_codes_allowed: int | None = field(
        default=None, metadata=_help("Wrong codes until a verification fails [no limit].")
    )
    velocity_window_seconds: float = field(
        default=0.0, metadata=_help("Minimum time between two starts to a number, else 42901 [off].")
    )
    rate_limit_per_second: int = field(default=0, metadata=_help("Allowed calls per second, else 42900 [off]."))
    retry_after_on_429: bool = field(default=False, metadata=_help("Send Retry-After with 42900 and 42901."))
    timestamp_tolerance_seconds: float = field(default=300.0, metadata=_help("How far x-timestamp may be off."))
    stale_timestamp_code: int = field(
        default=40105, metadata=_help("The error code for an x-timestamp out of tolerance.")
    )
    minimum_auth: AuthLevel = field(default="public", metadata=_help("The weakest authorization that is accepted."))
    report_after_end: EndedReport = field(
        default="not_found", metadata=_help("The error for a report of an ended verification.")
    )
    report_after_expiry: ExpiredReport = field(
        default="fail", metadata=_help("The response to a report of an expired one.")
    )
    callback_denied_code: int = field(default=40303, metadata=_help("The start's error code if the callback denies."))
    callback_invalid_code: int = field(
        default=42202, metadata=_help("The start's error code if the callback's response is invalid.")
    )
    number_lookup_seconds: float = field(default=0.0, metadata=_help("How long status by number works [no limit]."))
    price_delay_seconds: float = field(
        default=0.0, metadata=_help("How long after its end a verification has no price.")
    )
    termination_debiting: bool = field(
        default=False, metadata=_help("Show terminationPrice and billableDuration for calls.")
    )
    gateway_price: str = field(default="", metadata=_help("The price that the gateway names, such as 0.04 [none]."))
    seed: int | None = field(default=None, metadata=_help("Make codes predictable from this seed [random]."))
    max_verifications: int = field(default=50_000, metadata=_help("Verifications kept; the oldest is forgotten first."))
    max_messages: int = field(default=10_000, metadata=_help("Inbox messages kept; the oldest is forgotten first."))

    def __post_init__(self) -> None:
        """Reject what would otherwise fail later, far from its cause."""
        if not self.key or ":" in self.key:
            raise ValueError("key: give the application key, without a colon.")
        self.secret_bytes()
        self.gateway_secret_bytes()
        for name in ("sms_code_length", "callout_code_length", "expiry_seconds", "flashcall_report_seconds",
                     "max_verifications", "max_messages"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1.")
        for name, choices in (("minimum_auth", AuthLevel), ("report_after_end", EndedReport),
                              ("report_after_expiry", ExpiredReport)):  # fmt: skip
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name}: must be one of {', '.join(get_args(choices))}.")
        if self.callback_url is not None and not self.callback_url.startswith(("http://", "https://")):
            raise ValueError("callback_url: must start with http:// or https://.")

    def secret_bytes(self) -> bytes:
        """Return the key of the signatures. Padding may be missing, as in the Java SDK's tests."""
        try:
            return base64.b64decode(self.secret + "=" * (-len(self.secret) % 4), validate=True)
        except binascii.Error:
            raise ValueError("secret: must be base64, as the dashboard shows it.") from None

    def gateway_secret_bytes(self) -> bytes:
        """Return the key of the gateway's signatures."""
        text = self.gateway_secret.removeprefix("whsec_")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            raise ValueError("gateway_secret: must be whsec_ and base64.") from None
