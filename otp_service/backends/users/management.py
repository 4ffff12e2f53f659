"""Lists, creates and changes users for a backend, by the services that the command line uses."""

from dataclasses import asdict
from typing import Any

from otp_service import sessions, verifications
from otp_service.accounts import links, numbers, password_hashing, registrations, users
from otp_service.accounts.new_users import NewUser
from otp_service.accounts.users import Account
from otp_service.auth import password_links, sign_out
from otp_service.core.crypto import hashing
from otp_service.core.database.rows import split_page
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.selfservice import interventions, personal_data

PAGE = 50
_OF_PROFILE = ("display_name", "locale")


def search(*, cursor: str | None = None, **exactly: str) -> dict[str, Any]:
    """Return a page of users, newest first, and the cursor of the next page, None at the end.

    `exactly` is a canonical `email`, a `phone_number` in E.164, or both.
    """
    found = users.list_all(limit=PAGE + 1, before=int(cursor) if cursor else None, **exactly)
    listed, last = split_page(found, PAGE)
    return {"users": listed, "next": str(last.id) if last else None}


def sessions_of(user_id: int) -> list[dict[str, Any]]:
    """Return the user's live sessions, the last used first. Raises UserNotFound."""
    users.get(user_id)
    return [{**asdict(one), "amr": one.amr.split()} for one in sessions.of_user(user_id)]


def events_of(user_id: int, *, cursor: str | None) -> dict[str, Any]:
    """Return a page of the user's events, as that user may read them. Raises UserNotFound."""
    users.get(user_id)
    return personal_data.events(user_id, cursor=cursor)


def create(
    *,
    email: str,
    password: str | None = None,
    password_hash: str | None = None,
    phone_number: str | None = None,
    client: ClientInfo,
    **more: Any,
) -> Account:
    """Add a user, for whose address and number the backend vouches. `more` are other fields of a NewUser.

    Without password and hash, no password signs the user in. Raises DestinationNotAllowed for a number that no code can
    reach, EmailTaken, PhoneNumberTaken, SlotsBusy, and InvalidInput for a password known from a breach.
    """
    _require_reachable(phone_number)
    # Before the hash: a taken address costs no slot. The constraints decide in the end.
    registrations.refuse_taken(email=email, phone_number=phone_number)
    if password is not None:
        password_hash = password_hashing.hash_password(password)
    user = NewUser(password_hash or hashing.of_no_password(), email, phone_number, **more)
    return registrations.add(user, client=client)


def edit(user_id: int, changes: dict[str, Any], *, client: ClientInfo) -> Account:
    """Change what `changes` names: all of it, or none. Raises UserNotFound and what the parts raise."""
    _require_reachable(changes.get("phone_number"))
    with transaction():
        account = users.get(user_id)
        # The number first: it takes the turn of the number, before any row of a user is locked (ADR 17).
        _edit_number(account, changes.get("phone_number"), changes.get("is_verified"), client)
        _edit_email(account, changes.get("email"), changes.get("email_verified"), client)
        profile = {name: changes[name] for name in _OF_PROFILE if name in changes}
        if profile:
            interventions.edit_profile(user_id, profile, client=client)
        return users.get(user_id)


def _edit_number(account: Account, number: str | None, is_verified: bool | None, client: ClientInfo) -> None:
    is_new = number is not None and not (number == account.phone_number and account.holds_number)
    if number is not None and is_new:
        interventions.set_phone_number(account.id, number, is_verified=bool(is_verified), client=client)
    elif is_verified is True and not account.is_verified:
        numbers.verify_by_operator(account.id, client=client)
    elif is_verified is False and account.is_verified:
        users.unverify_by_operator(account.id, client=client)


def _edit_email(account: Account, email: str | None, is_verified: bool | None, client: ClientInfo) -> None:
    if email is not None and email != account.email:
        interventions.set_email(account.id, email, is_verified=bool(is_verified), client=client)
    elif is_verified is not None and is_verified is not account.email_verified:
        interventions.mark_email(account.id, is_verified=is_verified, client=client)


def _require_reachable(phone_number: str | None) -> None:
    refusal = None if phone_number is None else verifications.find_refusal(phone_number)
    if refusal is not None:
        raise refusal


def erase(user_id: int, *, client: ClientInfo) -> None:
    """Erase an account at once. Raises UserNotFound."""
    personal_data.erase_by_operator(users.get(user_id), client=client)


def end_sessions(user_id: int, *, client: ClientInfo) -> None:
    """End all sessions and the trust in all devices. Raises UserNotFound."""
    users.get(user_id)
    sign_out.everywhere(user_id, client=client)


def link_for_password(user_id: int, *, client: ClientInfo) -> dict[str, Any]:
    """Return a link and its token, with which the user sets a password. Raises UserNotFound."""
    users.get(user_id)
    token = password_links.issue(user_id, client=client)
    link = links.web_address(password_links.PAGE, token)
    expires_in = int(password_links.LIFETIME.total_seconds())
    return {"user_id": user_id, "token": token, "link": link, "expires_in": expires_in}
