"""What can go wrong with any factor."""

from otp_service.core.errors import Conflict


class MethodNotEnrolled(Conflict):
    """The user has no authenticator of this kind."""

    code = "method_not_enrolled"
    title = "This method is not set up for your account."
