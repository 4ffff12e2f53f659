"""The client of the verifier: one form for each token, as Turnstile, hCaptcha and reCAPTCHA take it.

| response                                           | means                                                 |
|----------------------------------------------------|-------------------------------------------------------|
| a JSON object in which `success` is true           | solved; hostname, action and score are checked by us  |
| `success` is false                                 | not solved, expired or used                           |
| ... and an error code about our secret             | the operator's fault: as if the verifier were away    |
| ... and `internal-error`                           | no verdict: the verifier is away                      |
| anything else, a redirect, a time-out              | no verdict: the verifier is away                      |
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import requests

from otp_service.captcha.settings import CaptchaSettings
from otp_service.config import Config
from otp_service.core.calls.errors import OutcomeUnknown, RateLimited, Refused
from otp_service.core.calls.exchange import HEADERS, Exchange, Reach, Response
from otp_service.core.calls.guarded_call import GuardedCaller, Guards
from otp_service.core.calls.guards import BreakerState

SERVER = "the captcha's verifier"
CONNECT_SECONDS = 2.0
AT_ONCE = 32
WAIT_SECONDS = 1.0
BREAKER_FAILURES = 5
COOL_DOWN_SECONDS = 10.0
RETRY_PAUSE_SECONDS = 0.1
OUR_FAULTS = frozenset({"missing-input-secret", "invalid-input-secret"})
"""Error codes about our secret (Turnstile, hCaptcha and reCAPTCHA have these names).

No others: a token that was made up gets `bad-request`, and one of another site gets `sitekey-secret-mismatch`. If these
counted as the verifier being away, such a token would pass with CAPTCHA_WHEN_AWAY=accept.
"""
ITS_FAULT = "internal-error"
_CODE = re.compile(r"[a-z-]{1,40}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier says about a token; fields that it does not send are None."""

    is_solved: bool
    hostname: str | None
    action: str | None
    score: Decimal | None
    error_codes: tuple[str, ...]


class CaptchaClient:
    """One for each process, shared by its threads. `before_call` runs before each request in the calling thread."""

    def __init__(self, url: str, settings: CaptchaSettings, before_call: Callable[[], None] | None = None) -> None:
        self._url = url
        self._secret = settings.secret
        self._exchange = Exchange(
            Reach(
                server=SERVER,
                connect_timeout_seconds=min(CONNECT_SECONDS, settings.timeout_seconds),
                read_timeout_seconds=settings.timeout_seconds,
                pool_size=AT_ONCE,
            )
        )
        self._caller = GuardedCaller(_guards(settings), before_call)

    def verify(self, token: str, *, ip: str) -> Verdict:
        """Return what the verifier says about a token. Raises CallError.

        The verifier spends the token, so a request that may have arrived is not sent twice.
        """
        fields = {"secret": self._secret, "response": token, **({"remoteip": ip} if ip else {})}
        headers = {**HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(fields).encode()
        prepared = requests.Request("POST", self._url, headers, data=body).prepare()
        return self._caller.call("siteverify", lambda seconds: _verdict(self._exchange.send(prepared, seconds)))

    def state(self) -> BreakerState:
        """Return the state of this process's circuit breaker. Makes no call."""
        return self._caller.state()


def connect(config: Config, before_call: Callable[[], None] | None) -> CaptchaClient | None:
    """Make the client, if there is a verifier. Opens no connection."""
    settings = config.of(CaptchaSettings)
    return CaptchaClient(settings.url, settings, before_call) if settings.url else None


def _verdict(response: Response) -> Verdict:
    """Read a response. Raises Refused, RateLimited, OutcomeUnknown."""
    status, payload = response.http_status, response.payload or {}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = response.retry_after_seconds
        raise RateLimited(f"{SERVER} accepts no more tokens for now", http_status=status, retry_after_seconds=wait)
    is_solved = payload.get("success")
    if not isinstance(is_solved, bool) or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise OutcomeUnknown(f"no usable response from {SERVER} (HTTP {status})", http_status=status)
    codes = _codes(payload.get("error-codes"))
    if not is_solved and not OUR_FAULTS.isdisjoint(codes):
        raise Refused(f"{SERVER} refused our request ({', '.join(codes)})", http_status=status)
    if not is_solved and ITS_FAULT in codes:
        raise OutcomeUnknown(f"{SERVER} failed ({', '.join(codes)})", http_status=status)
    score = payload.get("score")
    return Verdict(
        is_solved=is_solved and status < HTTPStatus.BAD_REQUEST,
        hostname=_text(payload.get("hostname")),
        action=_text(payload.get("action")),
        score=Decimal(score) if isinstance(score, int | Decimal) and not isinstance(score, bool) else None,
        error_codes=codes,
    )


def _codes(value: Any) -> tuple[str, ...]:
    """Return the error codes that are words: they go into the log."""
    listed = value if isinstance(value, list) else []
    return tuple(code for code in listed[:8] if isinstance(code, str) and _CODE.fullmatch(code))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _guards(settings: CaptchaSettings) -> Guards:
    return Guards(
        server=SERVER,
        event="captcha",
        deadline_seconds=settings.timeout_seconds,
        max_in_flight=AT_ONCE,
        in_flight_wait_seconds=min(WAIT_SECONDS, settings.timeout_seconds),
        failure_threshold=BREAKER_FAILURES,
        cool_down_seconds=COOL_DOWN_SECONDS,
        retry_pause_seconds=RETRY_PAUSE_SECONDS,
    )
