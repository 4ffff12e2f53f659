"""Registers people. While existence is hidden, the response does not reveal whether an address is taken (ADR 18)."""

from datetime import timedelta

from otp_service import verifications
from otp_service.accounts import email_release, email_verification, password_hashing, registrations
from otp_service.accounts.errors import EmailTaken
from otp_service.accounts.settings import ExistenceSettings
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.even_timing import even_timing
from otp_service.core.web.tracing import ClientInfo

RESERVED_FOR = timedelta(hours=24)
"""How long an unverified registration reserves its address and number (ADR 17)."""


def register(*, email: str, password: str, phone_number: str, client: ClientInfo) -> int | None:
    """Add a user, send a link that verifies the address, and return the id.

    Raises DestinationNotAllowed for a number that no code can reach, EmailTaken, PhoneNumberTaken, SlotsBusy. While
    existence is hidden it raises neither EmailTaken nor PhoneNumberTaken and returns None: the owner of a taken address
    is notified, and a number belongs to the account that verifies it.
    """
    # The number alone decides, so the response reveals no account.
    if refusal := verifications.find_refusal(phone_number):
        raise refusal
    if settings().of(ExistenceSettings).hidden:
        with even_timing().even():
            _register_hidden(email, password, phone_number, client)
        return None
    # Before the hash: a taken address costs no slot. The constraints decide in the end.
    _refuse_taken(email, phone_number, client)
    password_hash = password_hashing.hash_password(password)
    return _add(email, password_hash, phone_number, client)


def _refuse_taken(email: str, phone_number: str, client: ClientInfo) -> None:
    """Raise EmailTaken or PhoneNumberTaken; in the first case notify the mailbox, whose owner may want the address."""
    try:
        registrations.refuse_taken(email=email, phone_number=phone_number)
    except EmailTaken:
        email_release.notify_owner(email, "registration.repeated", client=client, now=clock.now())
        raise


def _register_hidden(email: str, password: str, phone_number: str, client: ClientInfo) -> None:
    # Hashed for a taken address as well: the hash takes most of the time that the response is measured by.
    password_hash = password_hashing.hash_password(password)
    try:
        _add(email, password_hash, phone_number, client, may_share=True)
    except EmailTaken:
        email_release.notify_owner(email, "registration.repeated", client=client, now=clock.now())


def _add(email: str, password_hash: str, phone_number: str, client: ClientInfo, *, may_share: bool = False) -> int:
    # One transaction: a registration without its link, or a link without its registration, cannot exist (ADR 12).
    with transaction():
        account = registrations.create(
            email=email,
            phone_number=phone_number,
            password_hash=password_hash,
            client=client,
            hold=RESERVED_FOR,
            may_share=may_share,
        )
        email_verification.send_first(account, client=client)
    return account.id
