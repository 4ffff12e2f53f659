"""What a client reads when the guard refuses a send."""

from otp_service.core.errors import Forbidden


class DestinationBlocked(Forbidden):
    """The guard refuses a send: codes to this range of numbers, or for this client, are paid for and not typed in.

    `is_challenge`: another proof would have let it pass.
    """

    code = "destination_blocked"
    title = "Codes to this phone number are blocked at the moment. Try again later, or use another way to sign in."

    def __init__(self, *, reason: str, retry_after_seconds: float | None, is_challenge: bool) -> None:
        seconds = None if retry_after_seconds is None else max(1, int(-(-retry_after_seconds // 1)))
        super().__init__(
            extra={"reason": reason, **({} if seconds is None else {"retryAfter": seconds})},
            headers={} if seconds is None else {"Retry-After": str(seconds)},
        )
        self.is_challenge = is_challenge
