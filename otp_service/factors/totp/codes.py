"""The arithmetic of TOTP (RFC 4226, RFC 6238): secrets, codes, time steps, and the key URI that an app scans."""

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

import pyotp
import segno

SECRET_BYTES = 20
"""160 bits, as RFC 4226 recommends (section 4, R6)."""

DIGITS = 6
STEP_SECONDS = 30
DRIFT_STEPS = 1
"""How many steps the app's clock may be off, either way (RFC 6238, section 5.2)."""

LONGEST_ISSUER = 60
LONGEST_ACCOUNT = 100
"""In characters. Percent-encoded, each takes up to twelve, and all must fit into one QR code."""


def new_secret() -> str:
    """Return a random secret in base32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def step_at(time: datetime) -> int:
    """Return the number of the time step (RFC 6238, section 4.2)."""
    return int(time.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int, *, digits: int = DIGITS) -> str:
    """Return the code of a step: HOTP with the step as its counter."""
    return str(pyotp.HOTP(secret, digits=digits).at(step))


def matched_step(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the step near `now` that the code belongs to; None if it belongs to none."""
    current = step_at(now)
    steps = range(max(0, current - DRIFT_STEPS), current + DRIFT_STEPS + 1)
    # Every step is compared in full: the time of a response must not depend on the code.
    matches = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), code.encode())]
    # Two neighbor steps may have the same code. The later one counts, or the code could be used a second time.
    return matches[-1] if matches else None


def key_uri(secret: str, *, issuer: str, account: str) -> str:
    """Return the `otpauth://` URI of a secret. Names that are too long are cut."""
    issuer = issuer[:LONGEST_ISSUER]
    label = f"{quote(issuer, safe='')}:{quote(account[:LONGEST_ACCOUNT], safe='')}"
    parameters = {"secret": secret, "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"


def qr_code(text: str) -> str:
    """Return a QR code of the text: an SVG image as a `data:` URI."""
    return str(segno.make_qr(text, error="l").svg_data_uri(scale=4))
