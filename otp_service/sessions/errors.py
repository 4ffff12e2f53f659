"""The errors of tokens and sessions."""

from datetime import datetime
from math import ceil

from otp_service.core.errors import REALM, Forbidden, NotAuthenticated, NotFound


class AccessTokenRequired(NotAuthenticated):
    """The request carries no bearer token."""

    code = "access_token_required"
    title = "Access token required."


class _RefusedToken(NotAuthenticated):
    """A token was sent and refused: the challenge says so (RFC 6750, section 3.1)."""

    def __init__(self) -> None:
        super().__init__(challenge=f'{REALM}, error="invalid_token", error_description="{self.title}"')


class InvalidToken(_RefusedToken):
    """A token is altered, expired, of another kind or audience, or its session has ended; the response hides which."""

    code = "invalid_token"
    title = "Invalid or expired token."


class TokenReused(_RefusedToken):
    """A refresh token was used a second time, so a second party holds a copy: the session was ended (RFC 9700)."""

    code = "token_reused"
    title = "This refresh token was used before. The session has been ended; sign in again."


class CsrfTokenInvalid(Forbidden):
    """A cookie came without the token that only the session's own pages have: another page may have sent it."""

    code = "csrf_token_invalid"
    title = "Send the session's csrfToken in the header X-CSRF-Token."


class StepUpRequired(Forbidden):
    """The sign-in is too old or too weak. The response's `methods` lead to a better one."""

    code = "step_up_required"
    title = "Sign in again to do this."


class RecoveryHold(Forbidden):
    """The password was reset by the phone alone, so the phone is no second factor for some time (ADR 32)."""

    code = "recovery_hold"
    title = "Your password was reset with your phone alone. For some time, this cannot be changed."

    def __init__(self, until: datetime, *, now: datetime) -> None:
        seconds = max(1, ceil((until - now).total_seconds()))
        super().__init__(
            "Your password was reset with your phone alone. To protect your account, this is possible again after "
            f"{until:%Y-%m-%d %H:%M} UTC. Ask the operator if you cannot wait.",
            extra={"until": until, "retryAfter": seconds},
            headers={"Retry-After": str(seconds)},
        )


class SessionNotFound(NotFound):
    """The caller has no live session with this id."""

    code = "session_not_found"
    title = "Session not found."
