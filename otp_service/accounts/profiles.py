"""The profile: what a person sees of their account, and may edit."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam

from otp_service import audit, sessions
from otp_service.accounts import users
from otp_service.accounts.errors import PhoneUnverified
from otp_service.accounts.models import User
from otp_service.core import clock
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import fetch_one, transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller
from otp_service.sessions.errors import InvalidToken


@dataclass(frozen=True, slots=True)
class Profile:
    """A user, as shown to that user."""

    id: int
    email: str | None
    email_verified: bool
    phone_number: str | None
    is_verified: bool
    display_name: str | None
    locale: str | None
    created_at: datetime


_PROFILES = Projection(
    Profile,
    User,
    email=users.shown_address(),
    email_verified=User.email_verified_at.is_not(None),
    is_verified=User.phone_verified_at.is_not(None),
)
# The most frequent statement of all: built once, with only the columns that are shown, and it checks the session too.
_OWN = _PROFILES.select().where(User.id == bindparam("user_id"), sessions.LIVE.exists())


def show(caller: Caller) -> Profile:
    """Return the caller's profile. Raises PhoneUnverified while the number is unverified, InvalidToken."""
    row = fetch_one(_OWN, sessions.live_parameters(caller.session_id, user_id=caller.user_id, now=clock.now()))
    if row is None:
        raise InvalidToken  # the session is over, or the account deleted
    profile = _PROFILES.value(row)
    if not profile.is_verified:
        raise PhoneUnverified
    return profile


def edit(caller: Caller, changes: dict[str, str | None], *, client: ClientInfo) -> Profile:
    """Change display name or locale. Raises PhoneUnverified, InvalidToken."""
    show(caller)  # checks the session and the number first
    with transaction():
        if changes:
            users.edit(caller.user_id, **changes)
            audit.record(
                "profile.edited", user_id=caller.user_id, client=client, at=clock.now(), fields=sorted(changes)
            )
    return show(caller)
