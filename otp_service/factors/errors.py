"""What can go wrong with any factor."""

from otp_service.core.errors import Conflict, Forbidden, NotAuthenticated, NotFound, TooMany


class MethodNotEnrolled(Conflict):
    """The user has no authenticator of this kind."""

    code = "method_not_enrolled"
    title = "This method is not set up for your account."


class FactorExists(Conflict):
    """The user has the one authenticator of this kind that a user can have."""

    code = "factor_exists"
    title = "This method is set up already. Remove it first."


class FactorNotFound(NotFound):
    """There is no such authenticator, no enrolment that waits to be confirmed, or it is another user's."""

    code = "factor_not_found"
    title = "No such factor is set up."


class OtpInvalid(NotAuthenticated):
    """A code that is wrong, used, superseded, expired, or was never sent."""

    code = "otp_invalid"
    title = "Invalid or expired OTP code."


class TooManyAttempts(TooMany):
    """The code, or the authenticator, has seen as many wrong tries as allowed."""

    code = "too_many_attempts"
    title = "Too many wrong codes. Request a new code and try again."


class AuthenticatorDisabled(Forbidden):
    """A hundred wrong proofs in a row: only recovery, or an operator, makes this authenticator usable again."""

    code = "authenticator_disabled"
    title = "Too many wrong codes in a row. This way to sign in is disabled: use another one, or recover the account."
