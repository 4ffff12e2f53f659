"""Read the bodies of requests: starts, reports, and the options that a callback may choose too.

Unknown fields are accepted, as Sinch does: its Python SDK sends stray ones at the top level.
"""

import json
import re
from dataclasses import dataclass, fields, replace
from typing import Any

import phonenumbers
from phonenumbers import ValidationResult

from otp_service.simulator.http.errors import invalid_parameter
from otp_service.simulator.provider.message_contents import ALPHABETS, PLACEHOLDER
from otp_service.simulator.provider.verification import Method

CUSTOM_MAX_CHARACTERS = 4096  # from the Java SDK
REFERENCE_MAX_CHARACTERS = 1024
CALL_TIMEOUT_SECONDS = range(5, 121)  # from the Java SDK
_EXPIRY = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)")
_CALLING_NUMBER = re.compile(r"\+[0-9]{5,15}")
_CUSTOM_CODE = re.compile(r"[A-Za-z0-9-]{1,10}")  # from an older page on errors
_CODE_TYPES = {name: name.capitalize() for name in ALPHABETS}
_SOURCES = {"intercept": "intercepted", "intercepted": "intercepted", "log": "intercepted"}
_NUMBER_PROBLEMS = {  # with two spaces in front of them, in Sinch's own example
    ValidationResult.TOO_SHORT: "Too short.",
    ValidationResult.TOO_LONG: "Too long.",
    ValidationResult.INVALID_COUNTRY_CODE: "Invalid country code.",
    ValidationResult.INVALID_LENGTH: "Invalid length.",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "Too short.",
}


@dataclass(frozen=True)
class MessageOptions:
    """What a start, or the response to a request event, may choose about the message. None leaves it to Sinch."""

    code: str | None = None
    code_type: str | None = None
    expiry_seconds: int | None = None
    template: str | None = None
    locale: str | None = None
    cli: str | None = None
    interception_seconds: int | None = None

    def overridden_by(self, other: "MessageOptions") -> "MessageOptions":
        """Return these options, replaced wherever `other` has a value."""
        changes = {field.name: getattr(other, field.name) for field in fields(other)}
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


@dataclass(frozen=True)
class StartRequest:
    """The body of a start, checked."""

    number: str
    country: str
    method: Method
    reference: str | None
    custom: str | None
    options: MessageOptions


@dataclass(frozen=True)
class ReportRequest:
    """The body of a report, checked. `secret` is the code, or the number that a flash call came from."""

    method: Method
    secret: str
    source: str


def read_start(body: bytes, *, with_options: bool) -> StartRequest:
    """Read a start. Sinch honors options only from authenticated callers (`with_options`). Raises ApiError 40001."""
    document = read_object(body)
    identity = section_of(document, "identity")
    if str(identity.get("type", "")).lower() != "number":
        raise invalid_parameter("Identity type must be number.")
    number, country = parse_number(identity.get("endpoint"))
    method = read_method(document.get("method"))
    options = section_of(document, f"{method}Options") if with_options else {}
    return StartRequest(
        number=number,
        country=country,
        method=method,
        reference=_text(document, "reference", REFERENCE_MAX_CHARACTERS),
        custom=_text(document, "custom", CUSTOM_MAX_CHARACTERS),
        options=read_options(options),
    )


def read_report(body: bytes) -> ReportRequest:
    """Read a report. Raises ApiError 40001."""
    document = read_object(body)
    method = read_method(document.get("method"))
    if method is Method.SEAMLESS:
        raise invalid_parameter("Method seamless cannot be reported.")
    name = "cli" if method is Method.FLASHCALL else "code"
    section = section_of(document, method.value)
    secret = section.get(name)
    if not isinstance(secret, str) or not secret.strip():
        raise invalid_parameter(f"Parameter {name} is missing.")
    source = str(section.get("source", document.get("source", ""))).lower()
    return ReportRequest(method, secret.strip(), _SOURCES.get(source, "manual"))


def read_options(options: dict[str, Any]) -> MessageOptions:
    """Read smsOptions, flashCallOptions and the like. Raises ApiError 40001 for a value out of its range."""
    return MessageOptions(
        code=_custom_code(options.get("code")),
        code_type=_code_type(options.get("codeType")),
        expiry_seconds=_expiry(options.get("expiry")),
        template=_template(options.get("template")),
        locale=_locale(options),
        cli=_cli(options.get("cli")),
        interception_seconds=_call_timeout(options, "interceptionTimeout"),
    )


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body. Raises ApiError 40001."""
    try:
        document = json.loads(body)
    except ValueError:
        raise invalid_parameter("The request body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise invalid_parameter("The request body must be a JSON object.")
    return document


def read_method(value: object) -> Method:
    """Return the method, given in any case: SDKs send both `flashcall` and `flashCall`. Raises ApiError 40001."""
    try:
        return Method(str(value).lower())
    except ValueError:
        raise invalid_parameter(f"Method {str(value)[:40]} is invalid.") from None


def section_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object under `name`, in any case; empty if there is none."""
    for key, value in document.items():
        if key.lower() == name.lower() and isinstance(value, dict):
            return value
    return {}


def parse_number(text: object) -> tuple[str, str]:
    """Return the E.164 form and the ISO country. Fictional numbers pass; ApiError 40001 for impossible ones."""
    if not isinstance(text, str) or not text.strip():
        raise invalid_parameter("Endpoint parameter is missing.")
    if not text.strip().startswith("+"):  # 40001 on Sinch's current page, though its Android SDK also knows 40005
        raise invalid_parameter(f"Number {text[:40]} is invalid.  Missing leading '+'.")
    try:
        number = phonenumbers.parse(text.strip())
    except phonenumbers.NumberParseException:
        raise invalid_parameter(f"Number {text[:40]} is invalid.") from None
    problem = _NUMBER_PROBLEMS.get(phonenumbers.is_possible_number_with_reason(number))
    if problem:
        raise invalid_parameter(f"Number {text[:40]} is invalid.  {problem}")
    # Numbers that are possible but not assigned have no region; their country code still names one.
    region = phonenumbers.region_code_for_number(number)
    country = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), country


def without_separators(number: str) -> str:
    """Return a number without the spaces, dots, hyphens and brackets that people type."""
    return "".join(letter for letter in number if letter not in " .-()")


def _text(document: dict[str, Any], name: str, longest: int) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise invalid_parameter(f"Parameter {name} must be a string of at most {longest} characters.")
    return value


def _locale(options: dict[str, Any]) -> str | None:
    """The spoken language, or the first one that a callback's response prefers."""
    languages = options.get("acceptLanguage")
    wanted = section_of(options, "speech").get("locale") or (
        languages[0] if isinstance(languages, list) and languages else None
    )
    return wanted if isinstance(wanted, str) else None


def _custom_code(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _CUSTOM_CODE.fullmatch(value):
        raise invalid_parameter("Code must be 1 to 10 characters of A-Z, a-z, 0-9 and '-'.")
    return value


def _code_type(value: object) -> str | None:
    if value is None:
        return None
    if str(value).lower() not in _CODE_TYPES:
        raise invalid_parameter(f"Code type {str(value)[:40]} is invalid.")
    return _CODE_TYPES[str(value).lower()]


def _expiry(value: object) -> int | None:
    if value is None:
        return None
    match = _EXPIRY.fullmatch(value) if isinstance(value, str) else None
    seconds = sum(int(part) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True)) if match else 0
    if seconds < 1:
        raise invalid_parameter("Expiry must be a time span as HH:MM:SS.")
    return seconds


def _template(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or PLACEHOLDER not in value:
        raise invalid_parameter(f"Template must contain {PLACEHOLDER}.")
    return value


def _cli(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _CALLING_NUMBER.fullmatch(value):
        raise invalid_parameter("CLI must be a number in E.164.")
    return value


def _call_timeout(options: dict[str, Any], name: str) -> int | None:
    value = options.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value not in CALL_TIMEOUT_SECONDS:
        raise invalid_parameter(f"Parameter {name} must be 5 to 120 seconds.")
    return value
