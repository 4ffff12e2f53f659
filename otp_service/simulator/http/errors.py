"""Sinch's error codes and the responses that carry them."""

from collections.abc import Mapping

from otp_service.simulator.http.request_response import Response

MESSAGES = {  # Sinch's own words, from its error page
    40001: "Parameter validation failed.",
    40003: "Invalid identity or code.",
    40100: "Invalid authorization header.",
    40101: "X-Timestamp required.",
    40102: "Invalid signature.",
    40104: "Authorization required.",
    40105: "X-Timestamp expired.",
    40107: "Invalid authorization.",
    40200: "Not enough credit.",
    40300: "Identity is blacklisted.",
    40303: "Authorization requirement not met.",
    40400: "Requested resource was not found.",
    40900: "Reference already defined.",
    42200: "Application name has not been configured.",
    42201: "No route to destination.",
    42202: "Invalid callback response.",
    42900: "Request capacity exceeded.",
    42901: "Cannot initiate verification to the same number too quickly.",
    50000: "Internal server error.",
    50100: "Method not implemented.",
    50300: "Service is temporarily unavailable, please try again later.",
}


class ApiError(Exception):
    """A response that is not success. The HTTP status is the first three digits of the code."""

    def __init__(
        self,
        code: int,
        message: str | None = None,
        *,
        reference: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.message = message or MESSAGES.get(code, "Request failed.")
        self.reference = reference
        self.headers = headers or {}
        super().__init__(f"{code} {self.message}")

    def response(self) -> Response:
        """Return the error in Sinch's form.

        The code is an integer: Sinch's table shows text, but its fixtures and SDKs have a number, and the Java SDK
        parses one. A message is always present: the Python SDK raises KeyError without it.
        """
        document: dict[str, object] = {"errorCode": self.code, "message": self.message}
        if self.reference:
            document["reference"] = self.reference
        return Response.of(document, self.code // 100, self.headers)


def invalid_parameter(message: str) -> ApiError:
    """Return a 40001 with its own message."""
    return ApiError(40001, message)


def not_found() -> ApiError:
    """Return a 40400: unknown id, reference or number, or a verification that has ended."""
    return ApiError(40400)
