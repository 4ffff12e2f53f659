"""The body of a start, read and checked; unknown fields are let pass, as Sinch does."""

import json
import re
from dataclasses import dataclass, fields, replace
from typing import Any

from otp_service.simulator.draws import ALPHABETS
from otp_service.simulator.errors import invalid_parameter
from otp_service.simulator.numbers import parse_number
from otp_service.simulator.texts import PLACEHOLDER
from otp_service.simulator.verification import Method

CUSTOM_MAX_CHARACTERS = 4096
CALL_TIMEOUT_SECONDS = range(5, 121)
_EXPIRY = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)")
_CALLING_NUMBER = re.compile(r"\+[0-9]{5,15}")
_CUSTOM_CODE = re.compile(r"[A-Za-z0-9-]{1,10}")
_CODE_TYPES = {name: name.capitalize() for name in ALPHABETS}


@dataclass(frozen=True)
class Wishes:
    """What a start, or a callback's reply, may choose about the message; None leaves it to the simulator."""

    code: str | None = None
    code_type: str | None = None
    expiry_seconds: int | None = None
    template: str | None = None
    locale: str | None = None
    cli: str | None = None
    interception_seconds: int | None = None

    def overridden_by(self, other: "Wishes") -> "Wishes":
        """These wishes, save where the other has some."""
        changes = {field.name: getattr(other, field.name) for field in fields(other)}
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


@dataclass(frozen=True)
class Order:
    """A start that may be carried out."""

    number: str
    country: str
    method: Method
    reference: str | None
    custom: str | None
    wishes: Wishes


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises SinchError 40001."""
    try:
        document = json.loads(body)
    except ValueError:
        raise invalid_parameter("The request body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise invalid_parameter("The request body must be a JSON object.")
    return document


def read_method(value: object) -> Method:
    """The method, in any case; raises SinchError 40001."""
    try:
        return Method(str(value).lower())
    except ValueError:
        raise invalid_parameter(f"Method {str(value)[:40]} is invalid.") from None


def section_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under `name`, in any case; empty when there is none."""
    for key, value in document.items():
        if key.lower() == name.lower() and isinstance(value, dict):
            return value
    return {}


def read_order(body: bytes, *, with_options: bool) -> Order:
    """Read a start. Options count only for authorized callers, hence `with_options`. Raises SinchError 40001."""
    document = read_object(body)
    identity = section_of(document, "identity")
    if str(identity.get("type", "")).lower() != "number":
        raise invalid_parameter("Identity type must be number.")
    number, country = parse_number(identity.get("endpoint"))
    method = read_method(document.get("method"))
    options = section_of(document, f"{method}Options") if with_options else {}
    return Order(
        number=number,
        country=country,
        method=method,
        reference=_text(document, "reference", 1024),
        custom=_text(document, "custom", CUSTOM_MAX_CHARACTERS),
        wishes=read_wishes(options),
    )


def read_wishes(options: dict[str, Any]) -> Wishes:
    """Read smsOptions, flashCallOptions and the like; raises SinchError 40001 for a value out of its range."""
    return Wishes(
        code=_custom_code(options.get("code")),
        code_type=_code_type(options.get("codeType")),
        expiry_seconds=_expiry(options.get("expiry")),
        template=_template(options.get("template")),
        locale=_locale(options),
        cli=_cli(options.get("cli")),
        interception_seconds=_call_timeout(options, "interceptionTimeout"),
    )


def _text(document: dict[str, Any], name: str, longest: int) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest:
        raise invalid_parameter(f"Parameter {name} must be a string of at most {longest} characters.")
    return value


def _locale(options: dict[str, Any]) -> str | None:
    """The language of speech, or the first that a callback's reply prefers."""
    languages = options.get("acceptLanguage")
    wished = section_of(options, "speech").get("locale") or (
        languages[0] if isinstance(languages, list) and languages else None
    )
    return wished if isinstance(wished, str) else None


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
