"""What a person is shown of their account."""

from otp_service.accounts import users
from otp_service.accounts.errors import PhoneUnverified
from otp_service.accounts.users import Account
from otp_service.sessions.errors import InvalidToken


def show(user_id: int) -> Account:
    """The account of the signed-in person, once its number is proven. Raises PhoneUnverified, InvalidToken."""
    account = users.find_by_id(user_id)
    if account is None:
        raise InvalidToken  # deleted since the token was looked at
    if not account.is_verified:
        raise PhoneUnverified
    return account
