"""Sets a number on an operator's word: for people who lost theirs and have no other way in."""

from otp_service import verifications
from otp_service.accounts import numbers
from otp_service.accounts.users import Account
from otp_service.core.database.transactions import transaction


def set_by_operator(user_id: int, phone_number: str, *, is_verified: bool) -> Account:
    """Give the user another number; no code works that was on its way. Raises PhoneNumberTaken, UserNotFound."""
    with transaction():
        account = numbers.set_by_operator(user_id, phone_number, is_verified=is_verified)
        verifications.end_codes(user_id)
        return account
