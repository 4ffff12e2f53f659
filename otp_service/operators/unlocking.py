"""Lets somebody sign in again, whatever kept them out."""

from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.core.database.transactions import transaction
from otp_service.factors import throttle


def unlock(user_id: int) -> Account:
    """Undo an operator's lock, the wait after wrong passwords, and the disabling of factors. Raises UserNotFound."""
    with transaction():
        account = users.unlock(user_id)
        throttle.enable(user_id)
        return account
