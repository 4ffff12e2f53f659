"""The errors of a call to Sinch, by what is known about the call afterwards.

    SinchError
    |-- Refused                    Sinch said no: it sent no message and granted no code
    |   |-- CodeRejected           wrong code, or wrong number that rang
    |   |-- VerificationExpired    the code came too late
    |   |-- VerificationFailed     ended for another reason (superseded, undeliverable, hung up)
    |   |-- VerificationNotFound   unknown to Sinch: never started, long over, or already reported
    |   |-- Denied                 not allowed (callback, authorization level, privileges)
    |   |   `-- DestinationDenied  this number or its country is blocked or not served
    |   |-- NoCredit               the account is empty
    |   |-- DuplicateReference     the reference is taken: an earlier start with it was accepted
    |   |-- BadRequest             Sinch cannot process the request
    |   `-- BadCredentials         key, secret or clock are wrong
    `-- Unavailable                no usable response
        |-- NotSent                the request never reached Sinch
        |   |-- BreakerOpen        not tried: the calls before it failed
        |   `-- TooManyInFlight    not tried: the calls in flight are at their limit
        |-- RateLimited            Sinch turned the request away unprocessed (429)
        `-- OutcomeUnknown         Sinch may or may not have acted: ask for the status

No error carries a number, a code, a body or Sinch's message, which may quote the number.
"""

from typing import ClassVar


class SinchError(Exception):
    """A call that did not succeed.

    `http_status` and `error_code` are Sinch's own, or None without a response. `retry_after_seconds` is how long to
    wait, where that is known. `text` is Sinch's own, for operators: it may name what the request held.
    """

    is_outcome_unknown: ClassVar[bool] = False
    """Sinch may have acted: a message may be on its way, or a code may be spent. True for OutcomeUnknown alone."""

    def __init__(
        self,
        detail: str,
        *,
        http_status: int | None = None,
        error_code: int | None = None,
        retry_after_seconds: float | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.text = text
        self.http_status = http_status
        self.error_code = error_code
        self.retry_after_seconds = retry_after_seconds

    @property
    def summary(self) -> str:
        """What failed, for operators: our word for it, Sinch's code and text."""
        code = f" {self.error_code}" if self.error_code else ""
        return f"{type(self).__name__}{code}: {self.text or self.detail}"


class Refused(SinchError):
    """Sinch said no."""


class CodeRejected(Refused):
    """The code, or the number that rang, is wrong."""


class VerificationExpired(Refused):
    """The code came too late; the verification is over."""


class VerificationFailed(Refused):
    """The verification ended without success for a reason other than the code or the time."""


class VerificationNotFound(Refused):
    """Sinch knows no such verification: it was never started, is long over, or was already reported."""


class Denied(Refused):
    """A callback said no, or the authorization level is too low."""


class DestinationDenied(Denied):
    """The number is blocked, or its country or network is not served."""


class NoCredit(Refused):
    """The Sinch account is empty: an operator must act."""


class DuplicateReference(Refused):
    """An earlier start with this reference was accepted."""


class BadRequest(Refused):
    """Sinch cannot process the request, mostly because of the number, else because of a fault of ours."""


class BadCredentials(Refused):
    """The key, the secret or this machine's clock is wrong: an operator must act."""


class Unavailable(SinchError):
    """No usable response came."""


class NotSent(Unavailable):
    """The request never left: no address, no connection, no trusted certificate, or not tried."""


class BreakerOpen(NotSent):
    """Not tried, because the calls before it failed. `retry_after_seconds` is the time until the next trial."""


class TooManyInFlight(NotSent):
    """Not tried, because as many calls as allowed are waiting for Sinch."""


class RateLimited(Unavailable):
    """Sinch turned the request away (429) before it acted on it."""


class OutcomeUnknown(Unavailable):
    """The request left and no trustworthy response came back."""

    is_outcome_unknown = True
