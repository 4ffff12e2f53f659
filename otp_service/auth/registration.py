"""Registers a person; while existence is hidden, without a word on who is registered already."""

from datetime import timedelta

from otp_service.accounts import email_addresses, email_verification, password_hashing, registrations
from otp_service.accounts.errors import EmailTaken
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.settings import settings
from otp_service.core.web.even_timing import pace
from otp_service.core.web.tracing import ClientInfo

UNPROVEN_FOR = timedelta(hours=24)
"""How long a registration holds its address and number before the number is proven."""


def register(*, email: str, password: str, phone_number: str, client: ClientInfo) -> int | None:
    """Add a user, have the address proven, and return the id. Raises EmailTaken, PhoneNumberTaken, SlotsBusy.

    While existence is hidden it returns None: whoever has the address already is told so by e-mail, and a number that
    another has is no obstacle, since it goes to whoever proves it.
    """
    if settings().existence.hidden:
        with pace().even():
            _register_unseen(email, password, phone_number, client)
        return None
    registrations.refuse_taken(email=email, phone_number=phone_number)
    password_hash = password_hashing.hash_password(password)
    return _add(email, password_hash, phone_number, client)


def _register_unseen(email: str, password: str, phone_number: str, client: ClientInfo) -> None:
    password_hash = password_hashing.hash_password(password)  # for a known address as well: that is what takes the time
    try:
        _add(email, password_hash, phone_number, client, may_share=True)
    except EmailTaken:
        email_addresses.notify_owner(email, "registration.repeated", client=client, now=clock.now())


def _add(email: str, password_hash: str, phone_number: str, client: ClientInfo, *, may_share: bool = False) -> int:
    with transaction():
        account = registrations.create(
            email=email,
            phone_number=phone_number,
            password_hash=password_hash,
            client=client,
            hold=UNPROVEN_FOR,
            may_share=may_share,
        )
        email_verification.send_first(account, client=client)
    return account.id
