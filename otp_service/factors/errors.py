"""The errors that any factor may raise."""

from otp_service.core.errors import Conflict, Forbidden, NotFound


class MethodNotEnrolled(Conflict):
    """The user has no authenticator of this kind."""

    code = "method_not_enrolled"
    title = "This method is not set up for your account."


class MethodIsForEmergencies(Conflict):
    """A method that runs out, such as backup codes, cannot be the one that a sign-in asks for first."""

    code = "method_is_for_emergencies"
    title = "Backup codes are for emergencies and cannot be the default. Choose another method."


class FactorExists(Conflict):
    """The user already has the one authenticator of this kind that a user can have."""

    code = "factor_exists"
    title = "This method is set up already. Remove it first."


class FactorNotFound(NotFound):
    """The authenticator, or an enrolment to confirm, does not exist or belongs to another user."""

    code = "factor_not_found"
    title = "No such factor is set up."


class AuthenticatorDisabled(Forbidden):
    """100 wrong responses in a row: only recovery or an operator enables this authenticator again."""

    code = "authenticator_disabled"
    title = "Too many wrong codes in a row. This way to sign in is disabled: use another one, or recover the account."
