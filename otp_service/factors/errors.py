"""The errors that any factor may raise."""

from otp_service.core.errors import Conflict, Forbidden, NotAuthenticated, NotFound, TooMany


class MethodNotEnrolled(Conflict):
    """The user has no authenticator of this kind."""

    code = "method_not_enrolled"
    title = "This method is not set up for your account."


class FactorExists(Conflict):
    """The user already has the one authenticator of this kind that a user can have."""

    code = "factor_exists"
    title = "This method is set up already. Remove it first."


class FactorNotFound(NotFound):
    """The authenticator, or an enrolment to confirm, does not exist or belongs to another user."""

    code = "factor_not_found"
    title = "No such factor is set up."


class OtpInvalid(NotAuthenticated):
    """A code that is wrong, used, superseded, expired, or was never sent."""

    code = "otp_invalid"
    title = "Invalid or expired OTP code."


class TooManyAttempts(TooMany):
    """The code, or the authenticator, has had as many wrong tries as allowed."""

    code = "too_many_attempts"
    title = "Too many wrong codes. Request a new code and try again."


class AuthenticatorDisabled(Forbidden):
    """100 wrong responses in a row: only recovery or an operator enables this authenticator again."""

    code = "authenticator_disabled"
    title = "Too many wrong codes in a row. This way to sign in is disabled: use another one, or recover the account."
