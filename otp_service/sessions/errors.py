"""Why a token is not taken."""

from otp_service.core.errors import NotAuthenticated

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
