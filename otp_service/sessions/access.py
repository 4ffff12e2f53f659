"""The decorators of routes for signed-in people: with an access token of a live session, or with a fresh sign-in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from flask import request

from otp_service.core import clock
from otp_service.core.services import services
from otp_service.core.web.tracing import concerns
from otp_service.sessions import lifetime, tokens
from otp_service.sessions.errors import AccessTokenRequired, InvalidToken, RecoveryHold, StepUpRequired
from otp_service.sessions.tokens import Caller

View = Callable[..., Any]
FRESH_FOR = timedelta(minutes=10)
OF_PASSWORD_AND_PHONE = frozenset({"pwd", "sms", "tel"})
"""The `amr` of a sign-in that a reset by the phone alone makes possible."""

LEVELS = ("aal1", "aal2")
"""The levels of NIST SP 800-63B that a sign-in can have here, the weakest first."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """The strongest level that an account can reach, and the methods that reach it.

    `beyond_password`: the account has a factor, so the password alone is not enough at any level. Until `held_until`,
    the phone is no second factor, after a reset by the phone alone (ADR 32). `strongest` are the methods as strong as
    the account's strongest factor, and `strongest_amr` the `amr` of a sign-in by one of them; both are empty for an
    account without factors (ADR 35).
    """

    acr: str
    methods: tuple[str, ...]
    beyond_password: bool = False
    held_until: datetime | None = None
    strongest: tuple[str, ...] = ()
    strongest_amr: frozenset[str] = frozenset()


RequirementOf = Callable[[int], Requirement]
"""Takes a user's id. The tier that knows the factors makes one, and the application puts it into `Services`."""


def signed_in(view: View) -> View:
    """Pass the caller to the view as its first argument. Raises AccessTokenRequired, InvalidToken (both 401)."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return view(_caller(), *args, **kwargs)

    wrapped.needs_token = True  # type: ignore[attr-defined]
    return wrapped


def token_bearer(view: View) -> View:
    """Do the same for a view whose service checks the session in the one statement that it makes anyway."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return view(_bearer(), *args, **kwargs)

    wrapped.needs_token = True  # type: ignore[attr-defined]
    return wrapped


def fresh_sign_in(view: View) -> View:
    """Do what `signed_in` does, and raise StepUpRequired (403) unless the sign-in is fresh and strong enough.

    During a hold it raises RecoveryHold (403).
    """
    return _fresh(_checked(view, require_fresh))


def fresh_despite_hold(view: View) -> View:
    """Do the same for an act that gives no more than the reset did that began the hold."""
    return _fresh(_checked(view, lambda caller: require_fresh(caller, despite_hold=True)))


def settled_sign_in(view: View) -> View:
    """Do what `signed_in` does, and raise RecoveryHold (403) during a hold: for acts that need no fresh sign-in."""
    return _checked(view, require_no_hold)


def _fresh(view: View) -> View:
    """Mark the view for the OpenAPI document."""
    view.needs_fresh_sign_in = True  # type: ignore[attr-defined]
    return view


def _checked(view: View, require: Callable[[Caller], None]) -> View:
    @wraps(view)
    def checked(caller: Caller, *args: Any, **kwargs: Any) -> Any:
        require(caller)
        return view(caller, *args, **kwargs)

    return signed_in(checked)


def require_no_hold(caller: Caller) -> None:
    """Raise RecoveryHold if a hold runs and the caller signed in with no more than password and phone (ADR 32)."""
    _refuse_held(caller, services().requirement_of(caller.user_id))


def _refuse_held(caller: Caller, requirement: Requirement) -> None:
    if requirement.held_until is not None and set(caller.amr) <= OF_PASSWORD_AND_PHONE:
        raise RecoveryHold(requirement.held_until, now=clock.now())


def strongest_sign_in(view: View) -> View:
    """Do what `fresh_sign_in` does, for acts that add a factor: the sign-in must have used one as strong as any."""
    return _checked(view, require_strongest)


def require_strongest(caller: Caller) -> None:
    """Raise StepUpRequired unless the sign-in is fresh, and used a factor as strong as the account's strongest one."""
    require_fresh(caller)
    requirement = services().requirement_of(caller.user_id)
    if requirement.strongest_amr and not requirement.strongest_amr & set(caller.amr):
        raise step_up_by(requirement.strongest)


def step_up_by(methods: Iterable[str]) -> StepUpRequired:
    """Return the error for a sign-in that is too old or too weak, which one of `methods` would cure."""
    return StepUpRequired(extra={"methods": list(methods), "maxAgeSeconds": int(FRESH_FOR.total_seconds())})


def require_fresh(caller: Caller, *, despite_hold: bool = False) -> None:
    """Raise StepUpRequired unless the caller signed in within ten minutes, at the account's strongest level.

    The token decides, so a step-up takes effect with the new token and an older one of the session stays as it was.
    Raises RecoveryHold first: no step-up leads past a hold, and no route that changes credentials forgets it (ADR 32).
    """
    requirement = services().requirement_of(caller.user_id)
    if not despite_hold:
        _refuse_held(caller, requirement)
    is_recent = clock.now() - caller.authenticated_at <= FRESH_FOR
    is_strong = reaches(caller.acr, requirement.acr)
    has_used_factor = bool(set(caller.amr) - {"pwd"}) or not requirement.beyond_password
    if not (is_recent and is_strong and has_used_factor):
        raise step_up_by(requirement.methods)


def reaches(acr: str, least: str) -> bool:
    """Whether the level of a sign-in is `least` or a stronger one; an unknown level is none."""
    return acr in LEVELS and LEVELS.index(acr) >= LEVELS.index(least)


def find_caller() -> Caller | None:
    """Return who calls a route that works without a sign-in as well; None without a token of a live session."""
    try:
        return _caller()
    except (AccessTokenRequired, InvalidToken):
        return None


def _caller() -> Caller:
    caller = _bearer()
    if not lifetime.is_live(caller.session_id, user_id=caller.user_id, now=clock.now()):
        raise InvalidToken
    return caller


def _bearer() -> Caller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.lstrip(" ")  # RFC 9110, section 11.4: one space or more
    if scheme.lower() != "bearer" or not token:
        raise AccessTokenRequired
    caller = tokens.read(token)
    concerns(caller.user_id)
    return caller
