"""The words of an SMS, where the operator wants other ones than Sinch's own."""

from otp_service.core.services import settings
from otp_service.verifications.settings import PLACEHOLDER, DeliverySettings

RISK = "Codes can be read by whoever takes over this number. Add an authenticator app or a passkey when you can."
"""What people are told when a number becomes their factor (NIST SP 800-63B-4: a restricted authenticator)."""

_WORDS = {
    "en": f"Your verification code is {PLACEHOLDER}.",
    "de": f"Ihr Bestätigungscode lautet {PLACEHOLDER}.",
    "es": f"Tu código de verificación es {PLACEHOLDER}.",
}


def sms_template(locale: str | None) -> str | None:
    """The template for Sinch, or None to leave text and language to Sinch.

    With `WEBOTP_DOMAIN` its last line lets a browser offer the code to pages of that domain alone ("Origin-bound
    one-time codes delivered via SMS", a draft of the WICG).
    """
    delivery = settings().of(DeliverySettings)
    if delivery.sms_template is None and delivery.webotp_domain is None:
        return None
    language = (locale or "").partition("-")[0].lower()
    text = delivery.sms_template or _WORDS.get(language, _WORDS["en"])
    return text if delivery.webotp_domain is None else f"{text}\n\n@{delivery.webotp_domain} #{PLACEHOLDER}"
