"""What an authenticator app reads: the address of a secret (otpauth://), and that address as a picture."""

from urllib.parse import quote, urlencode

import segno

from otp_service.factors.totp.codes import DIGITS, STEP_SECONDS

LONGEST_NAME = 60  # together they must fit into a QR code, each character in up to twelve
LONGEST_LABEL = 100


def uri(secret: str, *, issuer: str, label: str) -> str:
    """The key URI of a secret; `issuer` is the service, `label` the account. Names that are too long are cut."""
    service, account = quote(issuer[:LONGEST_NAME], safe=""), quote(label[:LONGEST_LABEL], safe="")
    parameters = {
        "secret": secret,
        "issuer": issuer[:LONGEST_NAME],
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": STEP_SECONDS,
    }
    return f"otpauth://totp/{service}:{account}?{urlencode(parameters, quote_via=quote)}"


def qr_code(text: str) -> str:
    """A picture (SVG) as a `data:` address."""
    return str(segno.make_qr(text, error="l").svg_data_uri(scale=4))
