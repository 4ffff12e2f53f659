"""The account of whoever shows a token or a link: it was there when that was looked at, and may be gone since."""

from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.sessions.errors import InvalidToken


def get(user_id: int) -> Account:
    """The account as it is now. Raises InvalidToken when it was deleted since."""
    account = users.find_by_id(user_id)
    if account is None:
        raise InvalidToken
    return account


def hold(user_id: int) -> Account:
    """The account, kept as it is until the open transaction ends: of parallel changes one goes first.

    Raises InvalidToken when it was locked or deleted since.
    """
    account = users.find_and_hold(user_id)
    if account is None:
        raise InvalidToken
    return account
