"""Describes the error responses: one form in two media types, with an example for each status."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields

from otp_service.core.errors import ServiceError
from otp_service.core.web.problems import framework_codes

JsonSchema = dict[str, Any]
REQUEST_ID = "0f8c41f0-6f0e-4b6e-9d0e-2f2d6f1a7c11"
_SECONDS = {
    "schema": {"type": "integer", "minimum": 1},
    "description": "Seconds until a retry makes sense.",
    "example": 87,
}
_CHALLENGE = {
    "schema": {"type": "string"},
    "description": "How to authenticate (RFC 6750, section 3).",
    "example": 'Bearer realm="otp_service"',
}
_HEADERS = {401: {"WWW-Authenticate": _CHALLENGE}, 429: {"Retry-After": _SECONDS}, 503: {"Retry-After": _SECONDS}}
_TYPICAL = {
    400: ("validation_failed", "Validation failed."),
    401: ("invalid_token", "Invalid or expired token."),
    403: ("step_up_required", "Sign in again to do this."),
    404: ("user_not_found", "User not found."),
    409: ("email_taken", "Email is already registered."),
    413: ("body_too_large", "The request body is larger than 64 KiB."),
    415: ("unsupported_media_type", "Send JSON, with Content-Type: application/json."),
    422: ("destination_not_allowed", "Codes cannot be sent to this phone number."),
    429: ("rate_limited", "Too many requests. Try again later."),
    500: ("unexpected_error", "An unexpected error occurred"),
    502: ("provider_refused", "The message provider refused to send the code."),
    503: ("overloaded", "The service is busy. Try again in a moment."),
}
"""A code and a message for each status, as examples; docs/errors.md lists all of them."""


class FieldFault(Schema):
    """What is wrong with one field."""

    field = fields.String(required=True, metadata={"examples": ["email"], "description": "Its name in the request."})
    message = fields.String(required=True, metadata={"examples": ["Provide a valid email address."]})


class Error(Schema):
    """The body of every error response."""

    status = fields.String(required=True, metadata={"enum": ["error"]})
    statusCode = fields.Integer(required=True, metadata={"examples": [429]})  # noqa: N815 - the name on the wire
    code = fields.String(required=True, metadata={"description": "Stable. Later versions may add codes."})
    message = fields.String(required=True, metadata={"description": "For people."})
    errors = fields.List(fields.Nested(FieldFault), metadata={"description": "Only with `validation_failed`."})
    retryAfter = fields.Integer(metadata={"minimum": 1, "description": "Seconds."})  # noqa: N815
    requestId = fields.String(required=True)  # noqa: N815


def codes() -> list[str]:
    """Return every code that the service may send."""
    ours = (kind for kind in _kinds(ServiceError) if kind.__module__.startswith("otp_service."))
    return sorted({kind.code for kind in ours} | framework_codes())


def as_json_schema(error: JsonSchema) -> None:
    """Add the list of codes to the schema of errors."""
    error["properties"]["code"]["enum"] = codes()


def problem() -> JsonSchema:
    """Return the schema of problem details."""
    texts = ("type", "title", "detail", "instance", "requestId")
    properties: JsonSchema = {name: {"type": "string"} for name in texts}
    properties |= {"status": {"type": "integer"}, "retryAfter": {"type": "integer", "minimum": 1}}
    properties["code"] = {"type": "string", "enum": codes()}
    properties["errors"] = {"type": "array", "items": {"$ref": "#/components/schemas/FieldFault"}}
    description = "The same facts as problem details (RFC 9457), if the client asks for `application/problem+json`."
    return {"type": "object", "properties": properties, "description": description}


def response(status: int, own: Schema | None) -> JsonSchema:
    """Describe an error response: in the two general formats for errors, or in its own."""
    content: JsonSchema = {"application/json": {"schema": own or "Error"}}
    if own is None:
        code, message = _TYPICAL.get(status, ("http_error", HTTPStatus(status).phrase))
        more = _more(status)
        content["application/json"]["example"] = _envelope(status, code, message) | more
        example = _problem(status, code, message) | more
        content["application/problem+json"] = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    described: JsonSchema = {"description": HTTPStatus(status).phrase, "content": content}
    if status in _HEADERS:
        described["headers"] = _HEADERS[status]
    return described


def _kinds(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)


def _more(status: int) -> JsonSchema:
    if status == HTTPStatus.BAD_REQUEST:
        return {"errors": [{"field": "email", "message": "Provide a valid email address."}]}
    return {"retryAfter": 87} if status in {429, 503} else {}


def _envelope(status: int, code: str, message: str) -> JsonSchema:
    return {"status": "error", "statusCode": status, "code": code, "message": message, "requestId": REQUEST_ID}


def _problem(status: int, code: str, message: str) -> JsonSchema:
    return {
        "type": f"urn:otp-service:problem:{code}",
        "title": message,
        "status": status,
        "detail": message,
        "instance": f"urn:otp-service:request:{REQUEST_ID}",
        "code": code,
        "requestId": REQUEST_ID,
    }
