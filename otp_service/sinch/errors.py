"""What Sinch says when it says no: the subclasses of Refused. The other errors are those of any call.

    Refused                    Sinch said no: it sent no message and granted no code
    |-- CodeRejected           wrong code, or wrong number that rang
    |-- VerificationExpired    the code came too late
    |-- VerificationFailed     ended for another reason (superseded, undeliverable, hung up)
    |-- VerificationNotFound   unknown to Sinch: never started, long over, or already reported
    |-- Denied                 not allowed (callback, authorization level, privileges)
    |   `-- DestinationDenied  this number or its country is blocked or not served
    |-- NoCredit               the account is empty
    |-- DuplicateReference     the reference is taken: an earlier start with it was accepted
    |-- BadRequest             Sinch cannot process the request
    `-- BadCredentials         key, secret or clock are wrong

After OutcomeUnknown Sinch may have acted: ask for the status.
"""

from otp_service.core.calls.errors import Refused
from otp_service.providers import NumberRefused


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


class DestinationDenied(Denied, NumberRefused):
    """The number is blocked, or its country or network is not served."""


class NoCredit(Refused):
    """The Sinch account is empty: an operator must act."""


class DuplicateReference(Refused):
    """An earlier start with this reference was accepted."""


class BadRequest(NumberRefused):
    """Sinch cannot process the request, mostly because of the number, else because of a fault of ours."""


class BadCredentials(Refused):
    """The key, the secret or this machine's clock is wrong: an operator must act."""
