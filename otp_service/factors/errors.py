"""What can go wrong with any factor."""

from otp_service.core.errors import Conflict, Forbidden, TooMany


class MethodNotEnrolled(Conflict):
    """The user has no authenticator of this kind."""

    code = "method_not_enrolled"
    title = "This method is not set up for your account."


class TooManyAttempts(TooMany):
    """The code, or the authenticator, has seen as many wrong tries as allowed."""

    code = "too_many_attempts"
    title = "Too many wrong codes. Request a new code and try again."


class AuthenticatorDisabled(Forbidden):
    """A hundred wrong proofs in a row: only recovery, or an operator, makes this authenticator usable again."""

    code = "authenticator_disabled"
    title = "Too many wrong codes in a row. This way to sign in is disabled: use another one, or recover the account."
