"""Sends the code of a password reset after the answer, so that the answer is the same for everybody."""

import logging

from otp_service import audit, verifications
from otp_service.core import background, clock
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import TooMany
from otp_service.core.web.tracing import ClientInfo
from otp_service.recovery import recoverable
from otp_service.sinch import Channel
from otp_service.verifications import Purpose, by_name, destinations
from otp_service.verifications.errors import DestinationNotAllowed

log = logging.getLogger(__name__)


def request(*, email: str, client: ClientInfo) -> None:
    """Have a code sent to the phone of the account with a canonical address, if it has one and no limit forbids it.

    Nobody is told whether that was so: whether the account is looked up at all depends on the address alone.
    """
    try:
        by_name.take_send(Purpose.PASSWORD_RESET, email, ip=client.ip, now=clock.now())
    except TooMany as refused:
        log.info("password.reset_not_sent", extra={"code": refused.code})
        return
    background.run_later("password reset", lambda: _send(email, client))


def _send(email: str, client: ClientInfo) -> None:
    account = recoverable.find(email)
    if account is None:
        return
    with transaction():
        audit.record("password.reset_requested", user_id=account.user_id, client=client, at=clock.now())
    recipient = verifications.Recipient(
        account.user_id, account.phone_number, Purpose.PASSWORD_RESET, account.locale, is_anonymous=True
    )
    verifications.send(recipient, channel=_channel(account.phone_number), client=client)


def _channel(phone_number: str) -> Channel:
    """By SMS; a fixed line, which takes none, is called."""
    try:
        destinations.check(phone_number, Channel.SMS)
    except DestinationNotAllowed:
        return Channel.CALLOUT
    return Channel.SMS
