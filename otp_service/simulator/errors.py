"""Sinch's error codes and the bodies that carry them."""

from collections.abc import Mapping

from otp_service.simulator.exchange import Reply

MESSAGES = {
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


class SinchError(Exception):
    """An answer that is not success; the HTTP status is the code's first three digits."""

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

    def reply(self) -> Reply:
        """The error as Sinch writes it: an integer code, always a message."""
        document: dict[str, object] = {"errorCode": self.code, "message": self.message}
        if self.reference:
            document["reference"] = self.reference
        return Reply.of(document, self.code // 100, self.headers)


def invalid_parameter(message: str) -> SinchError:
    """A 40001 with its own words."""
    return SinchError(40001, message)


def not_found() -> SinchError:
    """A 40400: unknown id, reference or number, or nothing there to report."""
    return SinchError(40400)
