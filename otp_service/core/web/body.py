"""Reads the body of a request, JSON or a form, strictly and within limits of size and depth."""

from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

from flask import request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from otp_service.core import json
from otp_service.core.errors import InvalidInput, ServiceError
from otp_service.core.web import slow_requests

BODY_LIMIT_BYTES = 64 * 1024
DEPTH_LIMIT = 32
FORM = "application/x-www-form-urlencoded"


class MalformedJson(InvalidInput):
    """The body is not JSON, or JSON with more than one meaning."""

    code = "malformed_json"
    title = "The request body is not valid JSON."


class _FormRequired(ServiceError):
    """415 as for any other type, with the name of this one."""

    code = "unsupported_media_type"
    status_code = 415
    title = f"Send a form, with Content-Type: {FORM}."


def read_form() -> dict[str, str]:
    """Return the fields of the current request's form. Raises InvalidInput, RequestEntityTooLarge, or 415.

    Bytes that are no UTF-8 become U+FFFD, which is in no token. A field is named once (RFC 6749, section 3.2).
    """
    if request.mimetype != FORM:
        raise _FormRequired
    fields = parse_qsl(read_body().decode("utf-8", "replace"), keep_blank_values=True)
    twice = [name for name, count in Counter(name for name, _ in fields).items() if count > 1]
    if twice:
        raise InvalidInput(fields={name: ["Give this field once."] for name in twice})
    return dict(fields)


def read_json_object() -> dict[str, Any]:
    """Return the body of the current request. Raises MalformedJson, UnsupportedMediaType, RequestEntityTooLarge."""
    return parse_object(read_json_bytes())


def has_body() -> bool:
    """Whether the current request has a body, or says what type it would be."""
    environ = request.environ
    is_empty = environ.get("CONTENT_LENGTH", "") in {"", "0"} and "HTTP_TRANSFER_ENCODING" not in environ
    return not is_empty or bool(request.mimetype)


def read_json_bytes() -> bytes:
    """Return the body of the current request as it came. Raises UnsupportedMediaType, RequestEntityTooLarge."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    return read_body()


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`. Raises MalformedJson."""
    try:
        value = json.decode(raw.decode("utf-8"))
        _reject_unstorable(value)
    except json.RepeatedName as error:
        raise MalformedJson("The request body names a field twice.") from error
    except (ValueError, RecursionError) as error:
        raise MalformedJson from error
    if not isinstance(value, dict):
        raise MalformedJson("The request body must be a JSON object.")
    return value


def read_body() -> bytes:
    """Return the bytes of the current request's body, of any type. Raises RequestEntityTooLarge, MalformedJson."""
    try:
        raw = request.get_data(cache=False)
    except HTTPException:
        raise
    except Exception as error:  # each server has errors of its own for a malformed chunk
        raise MalformedJson("The request body could not be read.") from error
    slow_requests.is_complete()
    if len(raw) > BODY_LIMIT_BYTES:
        raise RequestEntityTooLarge
    return raw


def _reject_unstorable(value: Any, depth: int = 0) -> None:
    """Reject escaped NULs and lone surrogates: no database stores them, and UTF-8 cannot carry the latter."""
    if depth > DEPTH_LIMIT:
        raise MalformedJson("The request body is nested too deeply.")
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
        if "\x00" in value:
            raise MalformedJson("The request body contains a NUL character.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _reject_unstorable(key, depth + 1)
            _reject_unstorable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _reject_unstorable(item, depth + 1)
