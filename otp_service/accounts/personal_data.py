"""What accounts store about a person, for that person."""

from typing import Any

from otp_service.accounts import number_undos
from otp_service.accounts.models import AccountLink, PhoneChange, User
from otp_service.core.database.portable import rows_about


def profile(user_id: int) -> dict[str, Any]:
    """The user's own row, without the password's hash."""
    columns = (
        User.id, User.email, User.email_verified_at, User.phone_number, User.holds_number, User.phone_verified_at,
        User.password_changed_at, User.challenges_void_before, User.locked_at, User.held_until, User.display_name,
        User.locale, User.created_at,
    )  # fmt: skip
    return next(iter(rows_about(User.id == user_id, *columns)), {})


def links(user_id: int) -> list[dict[str, Any]]:
    """Links that were made for the user, without their tokens."""
    columns = (
        AccountLink.created_at, AccountLink.purpose, AccountLink.email, AccountLink.session_id,
        AccountLink.expires_at, AccountLink.spent_at,
    )  # fmt: skip
    return rows_about(AccountLink.user_id == user_id, *columns)


def phone_changes(user_id: int) -> list[dict[str, Any]]:
    """Changes of number that can still be undone, with the earlier number."""
    rows = rows_about(PhoneChange.user_id == user_id, PhoneChange.created_at, PhoneChange.id, PhoneChange.expires_at)
    return [{**row, "earlierNumber": number_undos.earlier_number(row["id"])} for row in rows]
