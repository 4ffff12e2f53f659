"""Registers a person."""

from datetime import timedelta

from otp_service.accounts import credentials, users
from otp_service.core.tracing import ClientInfo

UNPROVEN_FOR = timedelta(hours=24)
"""How long a registration holds its address and number before the number is proven."""


def register(*, email: str, password: str, phone_number: str, client: ClientInfo) -> int:
    """Add a user and return the id. Raises EmailTaken, PhoneNumberTaken, SlotsBusy."""
    users.refuse_taken(email=email, phone_number=phone_number)
    password_hash = credentials.hash_password(password)
    return users.create(
        email=email, phone_number=phone_number, password_hash=password_hash, client=client, hold=UNPROVEN_FOR
    ).id
