"""The decorator of routes that change what protects an account: only after a fresh sign-in at its strongest level."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from flask import current_app
from sqlalchemy import update

from otp_service import audit
from otp_service.core import clock
from otp_service.core.database.transactions import execute, transaction
from otp_service.core.settings import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import tokens
from otp_service.sessions.access import Caller, View, signed_in
from otp_service.sessions.errors import InvalidToken, StepUpRequired
from otp_service.sessions.lifetime import lives
from otp_service.sessions.models import Session
from otp_service.sessions.services import Grant

FRESH_SECONDS = 600
LEVELS = ("aal1", "aal2", "aal3")
"""NIST SP 800-63B's levels, the weakest first."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """The strongest level that an account can reach, and the methods that lead there.

    `beyond_password`: the account has a factor, so that the password alone is never enough, whatever the level.
    """

    acr: str
    methods: tuple[str, ...]
    beyond_password: bool = False


RequirementOf = Callable[[int], Requirement]
"""Answers for a user's id. Whoever knows the factors puts it into `app.extensions["step_up_requirement"]`."""


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """A new access token of the same session; `expires_in` in seconds. The refresh token stays."""

    token: str
    expires_in: int
    session_id: str
    acr: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme, RFC 6750


def fresh_sign_in(view: View) -> View:
    """As `signed_in`, which it replaces; raises StepUpRequired (403) in addition. What the token says decides."""

    @wraps(view)
    def checked(caller: Caller, *args: Any, **kwargs: Any) -> Any:
        require_fresh(caller)
        return view(caller, *args, **kwargs)

    return signed_in(checked)


def require_fresh(caller: Caller) -> None:
    """Raise StepUpRequired unless the caller signed in within ten minutes, at the account's strongest level."""
    requirement_of: RequirementOf = current_app.extensions["step_up_requirement"]
    requirement = requirement_of(caller.user_id)
    is_recent = clock.now().timestamp() - caller.auth_time <= FRESH_SECONDS
    is_strong = caller.acr in LEVELS and LEVELS.index(caller.acr) >= LEVELS.index(requirement.acr)
    has_shown_factor = bool(set(caller.amr) - {"pwd"}) or not requirement.beyond_password
    if not (is_recent and is_strong and has_shown_factor):
        raise StepUpRequired(extra={"methods": list(requirement.methods), "maxAgeSeconds": FRESH_SECONDS})


def strengthen(caller: Caller, grant: Grant, *, client: ClientInfo, now: datetime) -> SteppedUp:
    """Note in the caller's session that its owner has just signed in anew. Raises InvalidToken when it has ended."""
    is_theirs = (Session.id == caller.session_id) & (Session.user_id == grant.user_id)
    values = {"amr": " ".join(grant.amr), "acr": grant.acr, "authenticated_at": now}
    with transaction():
        if execute(update(Session).where(is_theirs, lives(now)).values(values)).rowcount != 1:
            raise InvalidToken
        facts = {"sessionId": str(caller.session_id), "amr": list(grant.amr)}
        audit.record("session.stepped_up", user_id=grant.user_id, client=client, at=now, **facts)
    token = tokens.issue(
        user_id=grant.user_id,
        session_id=caller.session_id,
        amr=grant.amr,
        acr=grant.acr,
        auth_time=now,
        is_verified=grant.is_verified,
    )
    return SteppedUp(token, settings().jwt_ttl_seconds, str(caller.session_id), grant.acr)
