"""The settings of delivery: the channels, which of them are tried after a failure, and the text of an SMS."""

import re
from dataclasses import dataclass

from otp_service.config.reader import Reader
from otp_service.core.services import settings
from otp_service.sinch import Channel

CHANNEL_NAMES = tuple(channel.value for channel in Channel)
PLACEHOLDER = "{{CODE}}"
LONGEST_TEXT = 459  # three parts of an SMS
_WORDS = {
    "en": f"Your verification code is {PLACEHOLDER}.",
    "de": f"Ihr Bestätigungscode lautet {PLACEHOLDER}.",
    "es": f"Tu código de verificación es {PLACEHOLDER}.",
}
_DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """`channel` is the usual one; `fallbacks` are tried in turn after a start that certainly failed.

    With `supplies_code` the service draws the code when Sinch asks for one. `webotp_domain` and `sms_template` change
    the text of an SMS.
    """

    channel: Channel = Channel.SMS
    fallbacks: tuple[Channel, ...]
    supplies_code: bool
    webotp_domain: str | None
    sms_template: str | None


def read_delivery(read: Reader) -> DeliverySettings:
    """Read the settings; `read` collects the faults."""
    fallbacks = tuple(dict.fromkeys(word.lower() for word in read.words("OTP_FALLBACK_CHANNELS")))
    for word in fallbacks:
        if word not in CHANNEL_NAMES:
            read.fault("OTP_FALLBACK_CHANNELS", f"holds {word!r}", f"hold some of {', '.join(CHANNEL_NAMES)}")
    channel = read.choice("SINCH_VERIFICATION_METHOD", CHANNEL_NAMES, default="sms", fold=str.lower)
    return DeliverySettings(
        channel=Channel(channel),
        fallbacks=tuple(Channel(word) for word in fallbacks if word in CHANNEL_NAMES),
        supplies_code=read.flag("OTP_SUPPLY_CODE", default=read.strict),
        webotp_domain=_domain(read),
        sms_template=_template(read),
    )


def sms_template(locale: str | None) -> str | None:
    """Return the template of an SMS, or None to leave text and language to Sinch.

    With `WEBOTP_DOMAIN` its last line lets a browser offer the code to pages of that domain alone ("Origin-bound
    one-time codes delivered via SMS", a WICG draft).
    """
    delivery = settings().of(DeliverySettings)
    if delivery.sms_template is None and delivery.webotp_domain is None:
        return None
    language = (locale or "").partition("-")[0].lower()
    text = delivery.sms_template or _WORDS.get(language, _WORDS["en"])
    return text if delivery.webotp_domain is None else f"{text}\n\n@{delivery.webotp_domain} #{PLACEHOLDER}"


def _domain(read: Reader) -> str | None:
    domain = read.text("WEBOTP_DOMAIN", default="").lower()
    if domain and not _DOMAIN.fullmatch(domain):
        read.fault("WEBOTP_DOMAIN", f"holds {domain!r}", "hold the host of your sign-in page, such as app.example.com")
    return domain or None


def _template(read: Reader) -> str | None:
    """Read a line of the environment, in which backslash and n stand for the end of a line."""
    text = read.text("OTP_SMS_TEMPLATE", default="").replace("\\n", "\n")
    if text and (PLACEHOLDER not in text or len(text) > LONGEST_TEXT):
        read.fault(
            "OTP_SMS_TEMPLATE",
            f"is no template of a code ({len(text)} characters)",
            f"hold {PLACEHOLDER} and {LONGEST_TEXT} characters at most",
        )
    return text or None
