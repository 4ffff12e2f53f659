"""What can go wrong with a backend's verification, and what the backend reads."""

from http import HTTPStatus

from otp_service.backends.verifications.models import Status
from otp_service.core.errors import Conflict, NotFound, ServiceError, Unavailable, Unprocessable
from otp_service.verifications.errors import OtpInvalid

_ENDED_AS = {
    Status.APPROVED: "It was approved: a code works once.",
    Status.FAILED: "Too many wrong codes were tried. Start a new one.",
    Status.EXPIRED: "It expired. Start a new one.",
    Status.REPLACED: "It was replaced: a newer code was sent to this phone number.",
    Status.CANCELLED: "It was cancelled.",
    Status.UNDELIVERED: "Its message could not be delivered. Send another one, or start a new one.",
}


class VerificationNotFound(NotFound):
    """The app has no verification with this id."""

    code = "verification_not_found"
    title = "There is no such verification."


class VerificationEnded(ServiceError):
    """410: the verification takes no more codes. `verificationStatus` says why; `status` is the word of any error."""

    code = "verification_ended"
    status_code = HTTPStatus.GONE
    title = "This verification has ended."

    def __init__(self, status: Status) -> None:
        super().__init__(f"{self.title} {_ENDED_AS[status]}", extra={"verificationStatus": status})


class _WrongCode(Unprocessable):
    """422: people read 401 for this, which would tell a backend that its key is wrong."""

    code = OtpInvalid.code
    title = "The code is wrong."


def wrong_code(attempts_left: int) -> ServiceError:
    """Return the error for a wrong code."""
    return _WrongCode(extra={"attemptsLeft": attempts_left})


class CodeNotCompared(Unavailable):
    """Another message is on its way, and took the place of the one that the code was compared with."""

    code = "code_not_compared"
    title = "Another code is being sent, and this one was not compared. Check it again."


class IdempotencyKeyReused(Conflict):
    """The key came with another request before."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request. Use a new key for each request."


class RequestInProgress(Unavailable):
    """An equal request with this key is being handled. To repeat it is safe."""

    code = "request_in_progress"
    title = "A request with this Idempotency-Key is being handled. Repeat it with the same key."
