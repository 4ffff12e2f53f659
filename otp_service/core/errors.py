"""The kinds of errors that services raise; a feature subclasses the kind that fits.

ServiceError
|- InvalidInput 400      |- Conflict 409        |- ProviderFailed 502
|- NotAuthenticated 401  |- Unprocessable 422   `- Unavailable 503
|- Forbidden 403         |- TooMany 429
`- NotFound 404
"""

from collections.abc import Mapping
from typing import Any, ClassVar

REALM = 'Bearer realm="otp_service"'
"""The challenge of every 401 (RFC 6750, section 3)."""


class ServiceError(Exception):
    """An error that the client sees: a stable `code`, a status, a sentence for people.

    `extra` goes into the body of the response, `headers` onto it. Without a `detail`, the sentence is `title`.
    """

    code: ClassVar[str] = "unexpected_error"
    status_code: ClassVar[int] = 500
    title: ClassVar[str] = "An unexpected error occurred"
    held_seconds: ClassVar[float] = 0.0
    """How much later the response leaves, where the server can hold it: clients that ask again at once cost less."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = detail or self.title
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        super().__init__(self.detail)


class InvalidInput(ServiceError):
    """400: the request is malformed, or a field breaks a rule of form."""

    code = "validation_failed"
    status_code = 400
    title = "Validation failed."

    def __init__(self, detail: str | None = None, *, fields: Mapping[str, list[str]] | None = None) -> None:
        """`fields` maps the name of a field, as the client wrote it, to its faults."""
        faults = [{"field": name, "message": text} for name, texts in (fields or {}).items() for text in texts]
        super().__init__(detail, extra={"errors": faults} if faults else None)


class NotAuthenticated(ServiceError):
    """401: the caller is not authenticated."""

    code = "not_authenticated"
    status_code = 401
    title = "Authentication required."

    def __init__(self, detail: str | None = None, *, challenge: str = REALM) -> None:
        """`challenge` is the value of WWW-Authenticate (RFC 6750, section 3)."""
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class Forbidden(ServiceError):
    """403: the caller is authenticated, but not allowed."""

    code = "forbidden"
    status_code = 403
    title = "This is not allowed."


class NotFound(ServiceError):
    """404: the object does not exist, or is not the caller's."""

    code = "not_found"
    status_code = 404
    title = "Not found."


class Conflict(ServiceError):
    """409: the request conflicts with what is stored."""

    code = "conflict"
    status_code = 409
    title = "This conflicts with what is stored."


class Unprocessable(ServiceError):
    """422: well formed, but rejected by a rule of the service."""

    code = "unprocessable"
    status_code = 422
    title = "This cannot be done."


class _Waiting(ServiceError):
    """An error that says when to come back: `Retry-After` and `retryAfter`, in whole seconds, at least 1."""

    def __init__(
        self, detail: str | None = None, *, retry_after_seconds: float = 1, extra: Mapping[str, Any] | None = None
    ) -> None:
        seconds = max(1, int(-(-retry_after_seconds // 1)))  # rounded up: a client that waits so long is not early
        super().__init__(detail, extra={**(extra or {}), "retryAfter": seconds}, headers={"Retry-After": str(seconds)})
        self.retry_after_seconds = seconds


class TooMany(_Waiting):
    """429: a limit was reached."""

    code = "rate_limited"
    status_code = 429
    title = "Too many requests. Try again later."


class ProviderFailed(ServiceError):
    """502: the message provider rejected the request, or its response cannot be used."""

    code = "provider_failed"
    status_code = 502
    title = "The message provider could not handle the request."


class Unavailable(_Waiting):
    """503: something that the service depends on is away for now."""

    code = "unavailable"
    status_code = 503
    title = "The service is temporarily unavailable. Try again in a moment."
