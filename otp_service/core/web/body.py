"""Reads the JSON body of a request, strictly and within limits of size and depth."""

from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from otp_service.core import json
from otp_service.core.errors import InvalidInput
from otp_service.core.web import slow_requests

BODY_LIMIT_BYTES = 64 * 1024
DEPTH_LIMIT = 32


class MalformedJson(InvalidInput):
    """The body is not JSON, or JSON with more than one meaning."""

    code = "malformed_json"
    title = "The request body is not valid JSON."


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
