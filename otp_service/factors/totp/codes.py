"""The codes of RFC 4226 and RFC 6238: what they are at a time step, and which step a code belongs to."""

import base64
import hmac
import secrets
from datetime import datetime

import pyotp

SECRET_BYTES = 20
"""160 bits, as RFC 4226 recommends (section 4, R6)."""

DIGITS = 6
STEP_SECONDS = 30
DRIFT_STEPS = 1
"""How far the app's clock may be off, either way (RFC 6238, section 5.2)."""


def new_secret() -> str:
    """A random secret in base32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def step_at(time: datetime) -> int:
    """The number of the time step (RFC 6238, section 4.2)."""
    return int(time.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """The code of a step: HOTP with the step as its counter."""
    return str(pyotp.HOTP(secret, digits=digits).at(step))


def matched_step(secret: str, code: str, *, now: datetime) -> int | None:
    """The step near `now` whose code this is; None when it is no such code.

    Every step is compared in full, so that the time tells nothing. Should two neighbours have the same code, it is
    the later one, or the code could be used again.
    """
    current = step_at(now)
    steps = range(max(0, current - DRIFT_STEPS), current + DRIFT_STEPS + 1)
    matches = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), code.encode())]
    return matches[-1] if matches else None
