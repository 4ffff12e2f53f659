"""What a person is shown of their account."""

from otp_service.accounts import users
from otp_service.accounts.errors import PhoneUnverified
from otp_service.accounts.users import Account


def show(user_id: int) -> Account:
    """The account, once its number is proven. Raises PhoneUnverified, UserNotFound."""
    account = users.get(user_id)
    if not account.is_verified:
        raise PhoneUnverified
    return account
