"""Registers a person."""

from datetime import timedelta

from otp_service.accounts import credentials, email_links, users
from otp_service.core.database import transaction
from otp_service.core.tracing import ClientInfo

UNPROVEN_FOR = timedelta(hours=24)
"""How long a registration holds its address and number before the number is proven."""


def register(*, email: str, password: str, phone_number: str, client: ClientInfo) -> int:
    """Add a user, have the address proven, and return the id. Raises EmailTaken, PhoneNumberTaken, SlotsBusy."""
    users.refuse_taken(email=email, phone_number=phone_number)
    password_hash = credentials.hash_password(password)
    with transaction():
        account = users.create(
            email=email, phone_number=phone_number, password_hash=password_hash, client=client, hold=UNPROVEN_FOR
        )
        email_links.send_first(account, client=client)
    return account.id
