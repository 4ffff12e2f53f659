"""Decides for a reverse proxy whether a request may reach the service behind it (ADR 40)."""

from datetime import timedelta

from otp_service.core import clock
from otp_service.core.errors import REALM, NotAuthenticated
from otp_service.sessions import Caller
from otp_service.sessions.access import reaches

IDENTITY = {
    "X-Auth-User-Id": "The id of the user.",
    "X-Auth-Session-Id": "The id of the session.",
    "X-Auth-Acr": "The level of the sign-in: `aal1` or `aal2`.",
    "X-Auth-Amr": "How the user signed in (RFC 8176), separated by commas.",
}
"""The headers that the proxy copies into the request, in place of any that the client sent."""


class InsufficientUserAuthentication(NotAuthenticated):
    """The sign-in is good, and too weak or too old for what the proxy protects (RFC 9470, section 3)."""

    code = "insufficient_user_authentication"
    title = "Sign in again, or step up with POST /auth/step-up: this needs a stronger or a more recent sign-in."

    def __init__(self, *, acr: str | None, max_age_seconds: int | None) -> None:
        # Both requirements, whichever is not met: one new sign-in is then enough.
        asked = {"acr_values": acr, "max_age": max_age_seconds}
        wanted = "".join(f', {name}="{value}"' for name, value in asked.items() if value is not None)
        about = "A stronger or a more recent sign-in is required"
        super().__init__(challenge=f'{REALM}, error="{self.code}", error_description="{about}"{wanted}')


def identify(caller: Caller, *, acr: str | None = None, max_age_seconds: int | None = None) -> dict[str, str]:
    """Return the headers that name the caller. Raises InsufficientUserAuthentication.

    `acr` is the least level; the sign-in may be `max_age_seconds` old.
    """
    is_strong = acr is None or reaches(caller.acr, acr)
    age = clock.now() - caller.authenticated_at
    is_recent = max_age_seconds is None or age <= timedelta(seconds=max_age_seconds)
    if not (is_strong and is_recent):
        raise InsufficientUserAuthentication(acr=acr, max_age_seconds=max_age_seconds)
    values = (str(caller.user_id), str(caller.session_id), caller.acr, ",".join(caller.amr))
    return dict(zip(IDENTITY, values, strict=True))
