"""Why a token is not taken."""

from otp_service.core.errors import Forbidden, NotAuthenticated, NotFound

REALM = 'Bearer realm="otp_service"'


class AccessTokenRequired(NotAuthenticated):
    """No bearer token came with the request."""

    code = "access_token_required"
    title = "Access token required."


class InvalidToken(NotAuthenticated):
    """Altered, expired, of another kind, for another audience, or of an ended session: nobody is told which."""

    code = "invalid_token"
    title = "Invalid or expired token."

    def __init__(self) -> None:
        super().__init__(challenge=f'{REALM}, error="invalid_token", error_description="{self.title}"')


class TokenReused(NotAuthenticated):
    """A refresh token came a second time: somebody has a copy, so the session was ended."""

    code = "token_reused"
    title = "This refresh token was used before. The session has been ended; sign in again."

    def __init__(self) -> None:
        super().__init__(challenge=f'{REALM}, error="invalid_token", error_description="{self.title}"')


class StepUpRequired(Forbidden):
    """The sign-in is too old or too weak for this. `methods` in the answer lead to a better one."""

    code = "step_up_required"
    title = "Sign in again to do this."


class SessionNotFound(NotFound):
    """No live session of the caller's has this id."""

    code = "session_not_found"
    title = "Session not found."
