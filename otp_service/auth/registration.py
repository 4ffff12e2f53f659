"""Registers a person."""

from otp_service.accounts import credentials, users
from otp_service.core.tracing import ClientInfo


def register(*, email: str, password: str, phone_number: str, client: ClientInfo) -> int:
    """Add a user and return the id. Raises EmailTaken, PhoneNumberTaken, SlotsBusy."""
    users.refuse_taken(email=email, phone_number=phone_number)
    password_hash = credentials.hash_password(password)
    account = users.create(email=email, phone_number=phone_number, password_hash=password_hash, client=client)
    return account.id
