"""The settings of the captcha: who verifies its tokens, which routes require one, and what a token must say."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from otp_service.config.reader import Reader, is_placeholder, split_address
from otp_service.core.addresses import is_loopback

SITEVERIFY = "/captcha/siteverify"
OF_THE_SIMULATOR = "not-a-real-captcha-secret"
EXAMPLE = "https://challenges.cloudflare.com/turnstile/v0/siteverify"
_SCORE = re.compile(r"0(\.[0-9]{1,3})?|1(\.0{1,3})?")


class Route(StrEnum):
    """Where a captcha may be required; also the action that a token must be for."""

    REGISTER = "register"
    LOGIN = "login"
    REQUEST_OTP = "request-otp"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - a route


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptchaSettings:
    """Without `url` there is no captcha. With `passes_when_away`, no route waits for a verifier that is unavailable.

    `hostnames`, `checks_action` and `minimum_score` are what a token must say besides; empty or None asks for none.
    """

    url: str | None
    secret: str = field(repr=False)
    required_on: frozenset[Route]
    hostnames: frozenset[str]
    checks_action: bool
    minimum_score: Decimal | None
    passes_when_away: bool
    timeout_seconds: float


def read_captcha(read: Reader) -> CaptchaSettings:
    """Read CAPTCHA_*; `read` collects the faults. In development, the simulator verifies."""
    required_on = _required_on(read)
    url = _url(read, is_needed=bool(required_on))
    return CaptchaSettings(
        url=url,
        secret=_secret(read, is_needed=url is not None),
        required_on=required_on,
        hostnames=frozenset(word.lower() for word in read.words("CAPTCHA_HOSTNAMES")),
        checks_action=read.flag("CAPTCHA_CHECK_ACTION", default=False),
        minimum_score=_minimum_score(read),
        passes_when_away=read.choice("CAPTCHA_WHEN_AWAY", ("reject", "accept"), default="reject") == "accept",
        timeout_seconds=read.integer("CAPTCHA_TIMEOUT_MS", default=3_000, low=100, high=7_000) / 1000,
    )


def _required_on(read: Reader) -> frozenset[Route]:
    words = {word.lower() for word in read.words("CAPTCHA_REQUIRED_ON")}
    for word in sorted(words - set(Route)):
        read.fault("CAPTCHA_REQUIRED_ON", f"holds {word!r}", f"hold some of {', '.join(Route)}")
    return frozenset(Route(word) for word in words & set(Route))


def _url(read: Reader, *, is_needed: bool) -> str | None:
    simulated = f"http://127.0.0.1:{read.integer('SIMULATOR_PORT', default=8090, low=1, high=65535)}{SITEVERIFY}"
    url = read.text("CAPTCHA_VERIFY_URL", default="" if read.production else simulated)
    parts = split_address(url) if url else None
    if not url:
        if is_needed:
            read.fault("CAPTCHA_VERIFY_URL", "is not set", f"hold the address of the verifier, such as {EXAMPLE}")
        return None
    if parts is None or parts.scheme not in {"http", "https"} or "@" in parts.netloc or parts.fragment:
        read.fault("CAPTCHA_VERIFY_URL", "is no address of a server", f"hold one such as {EXAMPLE}")
    elif read.production and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        # Each request carries the secret.
        may = "begin with https://, unless it leads to this machine"
        read.fault("CAPTCHA_VERIFY_URL", f"leads to {parts.hostname!r} by plain http", may)
    return url


def _secret(read: Reader, *, is_needed: bool) -> str:
    secret = read.secret("CAPTCHA_SECRET", default=None if read.production else OF_THE_SIMULATOR)
    if secret is None:
        if is_needed:
            read.fault("CAPTCHA_SECRET", "is not set", "hold the secret key of your captcha's dashboard")
        return ""
    if read.production and (secret == OF_THE_SIMULATOR or is_placeholder(secret)):
        read.fault("CAPTCHA_SECRET", "holds an example", "hold the secret key of your captcha's dashboard")
    return secret


def _minimum_score(read: Reader) -> Decimal | None:
    text = read.text("CAPTCHA_MIN_SCORE", default="")
    if text and not _SCORE.fullmatch(text):
        read.fault("CAPTCHA_MIN_SCORE", f"holds {text!r}", "hold a number from 0 to 1, such as 0.5")
        return None
    return Decimal(text) if text else None
