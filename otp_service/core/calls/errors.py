"""The errors of a call to a server outside, by what is known about the call afterwards.

    CallError
    |-- Refused              the server said no, and did nothing
    `-- Unavailable          no usable response
        |-- NotSent          the request never reached the server
        |   |-- BreakerOpen        not tried: the calls before it failed
        |   `-- TooManyInFlight    not tried: the calls in flight are at their limit
        |-- RateLimited      the server turned the request away unprocessed (429)
        `-- OutcomeUnknown   the server may or may not have acted

A client has subclasses of Refused for what its server says. No error carries a number, a code, a body or a message of
the server that may quote them.
"""

from typing import ClassVar


class CallError(Exception):
    """A call that did not succeed.

    `http_status` and `error_code` are the server's own, or None without a response. `retry_after_seconds` is how long
    to wait, where that is known. `text` is the server's own, for operators: it may name what the request held.
    """

    is_outcome_unknown: ClassVar[bool] = False
    """The server may have acted: a message may be on its way, or a code may be spent. True for OutcomeUnknown alone."""

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
        """What failed, for operators: our word for it, the server's code and text."""
        code = f" {self.error_code}" if self.error_code else ""
        return f"{type(self).__name__}{code}: {self.text or self.detail}"


class Refused(CallError):
    """The server said no."""


class Unavailable(CallError):
    """No usable response came."""


class NotSent(Unavailable):
    """The request never left: no address, no connection, no trusted certificate, or not tried."""


class BreakerOpen(NotSent):
    """Not tried, because the calls before it failed. `retry_after_seconds` is the time until the next trial."""


class TooManyInFlight(NotSent):
    """Not tried, because as many calls as allowed are under way."""


class RateLimited(Unavailable):
    """The server turned the request away (429) before it acted on it."""


class OutcomeUnknown(Unavailable):
    """The request left and no trustworthy response came back."""

    is_outcome_unknown = True
