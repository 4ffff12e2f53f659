"""Reads a JSON body strictly: what two parsers could read in two ways is refused (RFC 8259, section 4; RFC 7493)."""

import json
from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from otp_service.core.errors import InvalidInput
from otp_service.core.web import slow_requests

BODY_LIMIT_BYTES = 64 * 1024
DEPTH_LIMIT = 32


class MalformedJson(InvalidInput):
    """The body is no JSON that has one meaning."""

    code = "malformed_json"
    title = "The request body is not valid JSON."


def read_json_object() -> dict[str, Any]:
    """The body of the current request. Raises MalformedJson (400), UnsupportedMediaType (415), body too large (413)."""
    return parse_object(read_json_bytes())


def read_json_bytes() -> bytes:
    """The body of the current request as it came. Raises what `read_json_object` raises for type and length."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    return read_body()


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`. Raises MalformedJson."""
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
        _refuse_unstorable(value)
    except (ValueError, RecursionError) as error:
        raise MalformedJson from error
    if not isinstance(value, dict):
        raise MalformedJson("The request body must be a JSON object.")
    return value


def read_body() -> bytes:
    """The bytes of the current request's body. Raises RequestEntityTooLarge (413), MalformedJson (400)."""
    try:
        raw = request.get_data(cache=False)
    except HTTPException:
        raise
    except Exception as error:  # every server has errors of its own for a chunk that is none
        raise MalformedJson("The request body could not be read.") from error
    slow_requests.is_complete()
    if len(raw) > BODY_LIMIT_BYTES:
        raise RequestEntityTooLarge
    return raw


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedJson("The request body names a field twice.")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant)


def _refuse_unstorable(value: Any, depth: int = 0) -> None:
    """Refuse escaped NULs and lone surrogates: no database stores them, and UTF-8 cannot carry the latter."""
    if depth > DEPTH_LIMIT:
        raise MalformedJson("The request body is nested too deeply.")
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
        if "\x00" in value:
            raise MalformedJson("The request body contains a NUL character.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key, depth + 1)
            _refuse_unstorable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item, depth + 1)
