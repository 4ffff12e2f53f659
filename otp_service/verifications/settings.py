"""The settings of delivery: the channels, which of them are tried after a failure, and the text of an SMS."""

import re
from dataclasses import dataclass

from otp_service.config.providers import DEFAULT, read_providers
from otp_service.config.reader import Reader
from otp_service.core.services import settings
from otp_service.core.text import primary_language
from otp_service.providers import PLACEHOLDER, Channel
from otp_service.verifications import registry

CHANNEL_NAMES = tuple(channel.value for channel in Channel)
LONGEST_TEXT = 459  # three parts of an SMS
_WORDS = {
    "en": f"Your verification code is {PLACEHOLDER}.",
    "de": f"Ihr Bestätigungscode lautet {PLACEHOLDER}.",
    "es": f"Tu código de verificación es {PLACEHOLDER}.",
}
_DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """`providers` are those in use, in the order in which they are tried.

    `channel` is the usual one; `fallbacks` are tried in turn after a start that certainly failed. Callers who only name
    a person may choose from `anonymous_channels`, in the order of `Channel` (ADR 49).

    With `supplies_code` the service draws the code when Sinch asks for one. `webotp_domain` and `sms_template` change
    the text of an SMS.
    """

    providers: tuple[str, ...] = DEFAULT
    channel: Channel = Channel.SMS
    fallbacks: tuple[Channel, ...]
    anonymous_channels: tuple[Channel, ...] = (Channel.SMS,)
    supplies_code: bool
    webotp_domain: str | None
    sms_template: str | None


def read_delivery(read: Reader) -> DeliverySettings:
    """Read the settings; `read` collects the faults."""
    providers = _providers(read)
    carried = {channel.value for name in providers for channel in registry.kind_of(name).channels}
    names = tuple(name for name in CHANNEL_NAMES if name in carried)
    channel = Channel(read.choice("SINCH_VERIFICATION_METHOD", names, default="sms", fold=str.lower))
    anonymous = {channel, *_channels(read, "OTP_ANONYMOUS_CHANNELS", names)}
    return DeliverySettings(
        providers=providers,
        channel=channel,
        fallbacks=_channels(read, "OTP_FALLBACK_CHANNELS", names),
        anonymous_channels=tuple(one for one in Channel if one in anonymous),
        supplies_code=read.flag("OTP_SUPPLY_CODE", default=read.strict),
        webotp_domain=_domain(read),
        sms_template=_template(read),
    )


def _channels(read: Reader, name: str, carried: tuple[str, ...]) -> tuple[Channel, ...]:
    """Read a list of channels that a provider in use carries."""
    words = tuple(dict.fromkeys(word.lower() for word in read.words(name)))
    for word in words:
        if word not in carried:
            read.fault(name, f"holds {word!r}", f"hold some of {', '.join(carried)}")
    return tuple(Channel(word) for word in words if word in carried)


def _providers(read: Reader) -> tuple[str, ...]:
    """Read OTP_PROVIDERS. A name that is unknown or there twice is more likely an error than meant."""
    names = read_providers(read)
    if set(names) - set(registry.NAMES) or len(set(names)) < len(names):
        known = ", ".join(registry.NAMES)
        read.fault("OTP_PROVIDERS", f"holds {','.join(names)!r}", f"hold some of {known}, each once, in your order")
    return tuple(dict.fromkeys(name for name in names if name in registry.NAMES)) or DEFAULT


def template_of(channel: Channel, locale: str | None, *, is_ours: bool) -> str | None:
    """Return the template of a message, or None to leave text and language to a provider that makes the code.

    With `WEBOTP_DOMAIN` the last line of an SMS lets a browser offer the code to pages of that domain alone
    ("Origin-bound one-time codes delivered via SMS", a WICG draft).
    """
    delivery, is_sms = settings().of(DeliverySettings), channel is Channel.SMS
    domain = delivery.webotp_domain if is_sms else None
    if not is_ours and (not is_sms or (delivery.sms_template is None and domain is None)):
        return None
    text = delivery.sms_template or _WORDS.get(primary_language(locale), _WORDS["en"])
    return text if domain is None else f"{text}\n\n@{domain} #{PLACEHOLDER}"


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
