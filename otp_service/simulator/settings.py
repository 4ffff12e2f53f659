"""What a simulator can be told: credentials, callbacks, and every point Sinch leaves open."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

EndedReport = Literal["not_found", "invalid_code"]
ExpiredReport = Literal["fail", "not_found"]
AuthLevel = Literal["public", "basic", "application"]


def _help(text: str) -> dict[str, str]:
    """Marks a field that the command line offers as an option of the same name."""
    return {"help": text}


@dataclass(frozen=True)
class SimulatorSettings:
    """Raises ValueError, naming the field, for what cannot work. Durations are seconds."""

    key: str
    secret: str
    callback_url: str | None = None
    state_path: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    now: Callable[[], datetime] | None = None
    """Where time comes from; a test passes its own clock, so that both sides always agree."""

    callback_timeout_seconds: float = field(default=5.0, metadata=_help("How long a callback may take to answer."))
    callback_retries: int = field(default=0, metadata=_help("How often an unanswered callback is tried again."))
    callback_retry_delay_seconds: float = field(default=1.0, metadata=_help("The pause before such a retry."))
    sms_code_length: int = field(default=4, metadata=_help("Characters of an SMS or WhatsApp code."))
    callout_code_length: int = field(default=6, metadata=_help("Digits of a spoken code."))
    expiry_seconds: int = field(default=300, metadata=_help("How long a code lives."))
    flashcall_report_seconds: int = field(default=75, metadata=_help("How long a flash call can be reported."))
    wrong_codes_allowed: int | None = field(
        default=None, metadata=_help("Wrong codes until a verification fails [no limit].")
    )
    velocity_window_seconds: float = field(
        default=0.0, metadata=_help("Pause between two starts to a number, else 42901 [off].")
    )
    rate_limit_per_second: int = field(default=0, metadata=_help("Calls a second, else 42900 [off]."))
    retry_after_on_429: bool = field(default=False, metadata=_help("Send Retry-After with 42900 and 42901."))
    timestamp_tolerance_seconds: float = field(default=300.0, metadata=_help("How far x-timestamp may be off."))
    stale_timestamp_code: int = field(
        default=40105, metadata=_help("The error code for an x-timestamp out of tolerance.")
    )
    minimum_auth: AuthLevel = field(default="public", metadata=_help("The weakest authorization that is accepted."))
    report_after_end: EndedReport = field(
        default="not_found", metadata=_help("How a report of an ended verification is refused.")
    )
    report_after_expiry: ExpiredReport = field(
        default="fail", metadata=_help("How a report of an expired one is answered.")
    )
    callback_denied_code: int = field(default=40303, metadata=_help("The start's error code when the callback denies."))
    callback_invalid_code: int = field(
        default=42202, metadata=_help("The start's error code when the callback answers badly.")
    )
    number_lookup_seconds: float = field(default=0.0, metadata=_help("How long status by number works [no limit]."))
    price_delay_seconds: float = field(
        default=0.0, metadata=_help("How long after its end a verification shows its price.")
    )
    termination_debiting: bool = field(
        default=False, metadata=_help("Show terminationPrice and billableDuration for calls.")
    )
    seed: int | None = field(default=None, metadata=_help("Draw predictable codes from this seed [random]."))
    max_verifications: int = field(default=50_000, metadata=_help("Verifications kept before the oldest is forgotten."))
    max_messages: int = field(default=10_000, metadata=_help("Inbox messages kept before the oldest is forgotten."))

    def __post_init__(self) -> None:
        """Refuse what could only fail later, and far from its cause."""
        if not self.key or ":" in self.key:
            raise ValueError("key: give the application key, without a colon.")
        self.secret_bytes()
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
        """The key of the signatures. Padding may be missing, as in some of Sinch's own examples."""
        try:
            return base64.b64decode(self.secret + "=" * (-len(self.secret) % 4), validate=True)
        except binascii.Error:
            raise ValueError("secret: must be base64, as the dashboard shows it.") from None
