"""The requests we send: which path, which body, for each operation and channel. Raises ValueError for bad input."""

import re
from dataclasses import dataclass
from typing import Any

from otp_service.sinch.channels import Channel
from otp_service.sinch.transport import Call, Operation

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")  # one path segment, encoded as it stands
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_CUSTOM_LIMIT = 4096
_PROOF_LIMIT = 32


@dataclass(frozen=True)
class Options:
    """What a start may leave out. `template` holds `{{CODE}}` and is for SMS alone, as is `ttl_seconds`."""

    locale: str | None = None
    custom: str | None = None
    template: str | None = None
    ttl_seconds: int | None = None


def start_call(number: str, channel: Channel, reference: str, options: Options) -> Call:
    """Start a verification of `number`."""
    body: dict[str, Any] = {
        "identity": {"type": "number", "endpoint": checked_number(number)},
        "method": channel.value,
        "reference": checked_reference(reference),
    }
    if options.custom is not None:
        if len(options.custom) > _CUSTOM_LIMIT:
            raise ValueError(f"custom data may have {_CUSTOM_LIMIT} characters")
        body["custom"] = options.custom
    if options.locale is not None and not _LOCALE.fullmatch(options.locale):
        raise ValueError("not a locale such as en-US")
    if channel is Channel.SMS and (sms := _sms_options(options)):
        body["smsOptions"] = sms
    if channel is Channel.CALLOUT and options.locale is not None:
        body["calloutOptions"] = {"speech": {"locale": options.locale}}
    return Call(Operation.START, body=body, language=options.locale)


def _sms_options(options: Options) -> dict[str, str]:
    found = {}
    if options.ttl_seconds is not None:
        found["expiry"] = _clock_notation(options.ttl_seconds)
    if options.template is not None:
        found["template"] = options.template
    return found


def report_call(segments: tuple[str, ...], channel: Channel, code: str) -> Call:
    """Report a code, or for a flash call the number that rang."""
    if not 0 < len(code) <= _PROOF_LIMIT:
        raise ValueError("a code has 1 to 32 characters")
    if channel is Channel.FLASHCALL:
        checked_number(code)
    return Call(Operation.REPORT, segments, {"method": channel.value, channel.key: {channel.proof: code}})


def status_call(*segments: str) -> Call:
    """Ask how a verification stands."""
    return Call(Operation.STATUS, segments)


def checked_number(number: str) -> str:
    """`number` if it is E.164 with its plus sign."""
    if not _E164.fullmatch(number):
        raise ValueError("not a number in E.164 form")
    return number


def checked_reference(reference: str) -> str:
    """`reference` if it can stand in a path as it is (a UUID can)."""
    if not _REFERENCE.fullmatch(reference):
        raise ValueError("not a reference that can stand in a path")
    return reference


def checked_id(provider_id: str) -> str:
    """Sinch's id, opaque to us, if it can be one segment of a path."""
    if provider_id in ("", ".", "..") or not (provider_id.isascii() and provider_id.isprintable()):
        raise ValueError("not an id that Sinch has given")
    return provider_id


def _clock_notation(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}"
