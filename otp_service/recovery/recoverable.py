"""Which accounts a code can recover."""

from dataclasses import dataclass

from otp_service.accounts import users
from otp_service.accounts.users import Account


@dataclass(frozen=True, slots=True)
class Recoverable:
    """An account whose number was proven: only who holds that phone may get in over it."""

    user_id: int
    email: str
    phone_number: str
    locale: str | None


def find(email: str) -> Recoverable | None:
    """The recoverable account of a canonical address; None, too, for one that an operator locked."""
    account = users.find_by_email(email)
    return of(account) if account is not None and account.locked_at is None else None


def of(account: Account) -> Recoverable | None:
    """The account, if its number is proven. To an unproven one a stranger may have the phone."""
    if not account.is_verified or not account.phone_number:
        return None
    return Recoverable(account.id, account.email, account.phone_number, account.locale)
