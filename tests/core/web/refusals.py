"""One request for every way in which the platform itself refuses."""

from dataclasses import dataclass, field
from typing import Any

from tests.api import Answer, Api

JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Refusal:
    """A request, and the answer it must get."""

    name: str
    method: str
    path: str
    status: int
    code: str
    message: str
    options: dict[str, Any] = field(default_factory=dict)

    def provoke(self, api: Api, **headers: str) -> Answer:
        """Send the request."""
        return api.send(self.method, self.path, headers=headers, **self.options)


def _body(data: bytes, content_type: str | None = JSON) -> dict[str, Any]:
    return {"data": data, "content_type": content_type}


def _login(name: str, status: int, code: str, message: str, options: dict[str, Any]) -> Refusal:
    return Refusal(name, "POST", "/auth/login", status, code, message, options)


_NO_JSON = (400, "malformed_json", "The request body is not valid JSON.")
_OTHER_TYPE = (415, "unsupported_media_type", "Send JSON, with Content-Type: application/json.")
_TOO_LONG = (413, "body_too_large", "The request body is larger than 64 KiB.")
REFUSALS = (
    Refusal("unknown path", "GET", "/nope", 404, "endpoint_not_found", "API endpoint not found"),
    Refusal("unknown path beyond the API", "GET", "//nope", 404, "endpoint_not_found", "API endpoint not found"),
    Refusal("wrong method", "GET", "/auth/login", 405, "method_not_allowed", "This method is not allowed here."),
    _login("no JSON", *_NO_JSON, _body(b"{")),
    _login("no body", *_NO_JSON, _body(b"")),
    _login("a list", 400, "malformed_json", "The request body must be a JSON object.", _body(b"[]")),
    _login("missing fields", 400, "validation_failed", "Validation failed.", _body(b"{}")),
    _login("text", *_OTHER_TYPE, _body(b"{}", "text/plain")),
    _login("too long", *_TOO_LONG, _body(b" " * 65_537)),
    Refusal("no token", "GET", "/profile", 401, "access_token_required", "Access token required."),
    Refusal("unknown user", "POST", "/auth/request-otp", 404, "user_not_found", "User not found.",
            {"json": {"email": "nobody@example.com"}}),
    _login("wrong password", 401, "invalid_credentials", "Invalid email or password.",
            {"json": {"email": "nobody@example.com", "password": "x"}}),
)  # fmt: skip
