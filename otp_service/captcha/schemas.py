"""How a request carries the token of a captcha."""

from marshmallow import fields

from otp_service.core.web.schema import text

LONGEST_TOKEN = 8_192
"""Those of reCAPTCHA have a few thousand characters, those of Turnstile 2,048 at most."""


def token_field() -> fields.String:
    """Return the field of a request to a route that may need a captcha."""
    fault = "Provide the token of a solved captcha, or leave it out."
    return text(fault, maximum=LONGEST_TOKEN, required=False)
