"""What a person is shown of their account."""

from typing import Any

from otp_service import audit
from otp_service.accounts import users
from otp_service.accounts.errors import PhoneUnverified
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database import transaction
from otp_service.core.tracing import ClientInfo
from otp_service.sessions import Caller
from otp_service.sessions.errors import InvalidToken


def show(caller: Caller) -> Account:
    """The account of the bearer of a token, once its number is proven. Raises PhoneUnverified, InvalidToken."""
    account = users.find_with_session(caller.user_id, caller.session_id, now=clock.now())
    if account is None:
        raise InvalidToken  # the session is over, or the account deleted
    if not account.is_verified:
        raise PhoneUnverified
    return account


def edit(caller: Caller, changes: dict[str, str | None], *, client: ClientInfo) -> Account:
    """Change display name or locale. Raises PhoneUnverified, InvalidToken."""
    show(caller)
    with transaction():
        if changes:
            users.edit(caller.user_id, **changes)
            audit.record(
                "profile.edited", user_id=caller.user_id, client=client, at=clock.now(), fields=sorted(changes)
            )
    return show(caller)


def events(user_id: int, *, cursor: str | None) -> dict[str, Any]:
    """A page of the user's own events and the cursor of the next page, None at the end."""
    found = audit.events_of(user_id, before=int(cursor) if cursor else None)
    return {"events": found, "next": str(found[-1].id) if len(found) == audit.PAGE else None}
