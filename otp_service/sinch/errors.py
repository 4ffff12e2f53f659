"""What can go wrong with a call to Sinch, told apart by what is known about the call.

    SinchError
    |-- Refused                    Sinch answered: no. Nothing was sent or granted
    |   |-- CodeRejected           wrong code; `is_final` when the verification died of it
    |   |-- VerificationExpired    the code came too late
    |   |-- VerificationFailed     over for another reason (superseded, undeliverable, hung up)
    |   |-- VerificationNotFound   Sinch knows no such verification
    |   |-- Denied                 not allowed (callback said no, authorisation level, privileges)
    |   |   `-- DestinationDenied  this number or its country cannot be reached, or is blocked
    |   |-- NoCredit               the account is empty
    |   |-- DuplicateReference     a verification with this reference exists: an earlier start got through
    |   |-- BadRequest             Sinch did not understand, or cannot process, the request
    |   `-- BadCredentials         key, secret or clock are wrong
    `-- Unavailable                no usable answer
        |-- NotSent                the request surely never reached Sinch
        |   |-- BreakerOpen        not tried: too many failures just before
        |   `-- TooManyInFlight    not tried: the calls in flight are at their limit
        |-- RateLimited            Sinch turned the request away unprocessed (429)
        `-- OutcomeUnknown         Sinch may or may not have acted: ask for the status

No error carries a number, a code, a body or Sinch's message (which may quote the number).
"""

from enum import StrEnum
from typing import ClassVar


class Outcome(StrEnum):
    """What is known about a failed call: the one thing on which a caller must decide."""

    NOT_PROCESSED = "not_processed"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class SinchError(Exception):
    """A call that brought no good news; `outcome` says what may have happened at Sinch nevertheless.

    `http_status` and `error_code` are Sinch's own (None when no answer came), `retry_after_seconds` is how long
    to wait when that is known.
    """

    outcome: ClassVar[Outcome]

    def __init__(
        self,
        detail: str,
        *,
        http_status: int | None = None,
        error_code: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.http_status = http_status
        self.error_code = error_code
        self.retry_after_seconds = retry_after_seconds

    @property
    def is_outcome_unknown(self) -> bool:
        """Sinch may have acted: a message may be on its way, a code may be spent."""
        return self.outcome is Outcome.UNKNOWN

    @property
    def is_refused(self) -> bool:
        """Sinch looked at the request and said no."""
        return self.outcome is Outcome.REFUSED

    @property
    def is_surely_not_processed(self) -> bool:
        """Sinch never looked at the request; the same request may be tried again without harm."""
        return self.outcome is Outcome.NOT_PROCESSED


class Refused(SinchError):
    """Sinch answered, and the answer is no."""

    outcome = Outcome.REFUSED


class CodeRejected(Refused):
    """The code, or the number that rang, is wrong. `is_final`: the verification is over, a new code is due."""

    is_final = False


class VerificationExpired(Refused):
    """The code came after its time; the verification is over."""


class VerificationFailed(Refused):
    """The verification ended without success for a reason other than the code or the time."""


class VerificationNotFound(Refused):
    """Sinch knows no such verification: never started, long over, or already reported."""


class Denied(Refused):
    """Sinch does not allow it: a callback said no, or the authorisation level is too low."""


class DestinationDenied(Denied):
    """The number is blocked, or its country or network is not served."""


class NoCredit(Refused):
    """The Sinch account is empty: an operator must act."""


class DuplicateReference(Refused):
    """The reference is taken: an earlier start with it was accepted."""


class BadRequest(Refused):
    """Sinch cannot make sense of the request: as a rule the number, else a fault of ours."""


class BadCredentials(Refused):
    """Key, secret or this machine's clock are wrong: an operator must act."""


class Unavailable(SinchError):
    """No usable answer came."""


class NotSent(Unavailable):
    """The request never left: no address, no connection, no trusted certificate, or not tried at all."""

    outcome = Outcome.NOT_PROCESSED


class BreakerOpen(NotSent):
    """Not tried, because the calls before it failed; `retry_after_seconds` says when one is tried again."""


class TooManyInFlight(NotSent):
    """Not tried, because as many calls as allowed are waiting for Sinch."""


class RateLimited(Unavailable):
    """Sinch turned the request away (429) before it acted on it."""

    outcome = Outcome.NOT_PROCESSED


class OutcomeUnknown(Unavailable):
    """The request left and no trustworthy answer came back."""

    outcome = Outcome.UNKNOWN
