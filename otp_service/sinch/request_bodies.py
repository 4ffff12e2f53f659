"""The requests of the client: path and body of each operation by channel. Raises ValueError for bad input."""

import re
from dataclasses import dataclass
from typing import Any

from otp_service.core.phone import E164
from otp_service.core.text import LANGUAGE_TAG, regional_tag
from otp_service.providers import Channel
from otp_service.sinch.api_types import key_of
from otp_service.sinch.transport import Call, Operation

_E164 = re.compile(E164)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")  # one path segment that needs no encoding
_LOCALE = re.compile(LANGUAGE_TAG)
_MAX_CODE_LENGTH = 32


@dataclass(frozen=True)
class Options:
    """The optional parts of a start. `template` (which holds `{{CODE}}`) and `ttl_seconds` concern SMS alone."""

    locale: str | None = None
    template: str | None = None
    ttl_seconds: int | None = None


def start_call(number: str, channel: Channel, reference: str, options: Options) -> Call:
    """Start a verification of `number`."""
    body: dict[str, Any] = {
        "identity": {"type": "number", "endpoint": _checked_number(number)},
        "method": channel.value,
        "reference": checked_reference(reference),
    }
    if options.locale is not None and not _LOCALE.fullmatch(options.locale):
        raise ValueError("not a locale such as en-US")
    # Sinch knows languages and regions; what an extension says (a calendar, a clock) concerns no code.
    language = None if options.locale is None else regional_tag(options.locale)
    if channel is Channel.SMS and (sms := _sms_options(options)):
        body["smsOptions"] = sms
    if channel is Channel.CALLOUT and language is not None:
        body["calloutOptions"] = {"speech": {"locale": language}}
    return Call(Operation.START, body=body, language=language)


def _sms_options(options: Options) -> dict[str, str]:
    """The options of an SMS. Its language is no option: it travels in `Accept-Language`."""
    found = {}
    if options.ttl_seconds is not None:
        found["expiry"] = _clock_notation(options.ttl_seconds)
    if options.template is not None:
        found["template"] = options.template
    return found


def report_call(provider_id: str, channel: Channel, code: str) -> Call:
    """Report a code, or for a flash call the number that rang."""
    if not 0 < len(code) <= _MAX_CODE_LENGTH:
        raise ValueError("a code has 1 to 32 characters")
    if channel is Channel.FLASHCALL:
        _checked_number(code)
    body = {"method": channel.value, key_of(channel): {"cli" if channel is Channel.FLASHCALL else "code": code}}
    return Call(Operation.REPORT, ("id", checked_id(provider_id)), body)


def status_call(*segments: str) -> Call:
    """Ask for the state of the verification that the path names."""
    return Call(Operation.STATUS, segments)


def checked_reference(reference: str) -> str:
    """Return `reference` if it can stand in a path unencoded, as a UUID can."""
    if not _REFERENCE.fullmatch(reference):
        raise ValueError("not a reference that can stand in a path")
    return reference


def checked_id(provider_id: str) -> str:
    """Return Sinch's id, which is opaque to us, if it can be one segment of a path."""
    if provider_id in ("", ".", "..") or not (provider_id.isascii() and provider_id.isprintable()):
        raise ValueError("not an id that Sinch has given")
    return provider_id


def _checked_number(number: str) -> str:
    if not _E164.fullmatch(number):
        raise ValueError("not a number in E.164 form")
    return number


def _clock_notation(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
