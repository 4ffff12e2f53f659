"""Sends what is in the outbox, each message by whoever claims it first, less and less often while it fails.

A claim is a lease: when its holder dies, somebody else sends the message once the lease is over. Should the holder
have handed it over before it died, the message arrives twice, with the same Message-ID.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from otp_service import mail
from otp_service.core import clock
from otp_service.core.crypto.secrets import Unreadable
from otp_service.core.database.transactions import assert_no_transaction, execute, fetch_all, transaction
from otp_service.core.settings import settings
from otp_service.mail import NotDelivered, Trouble
from otp_service.outbox import sealing
from otp_service.outbox.models import OutboxMessage
from otp_service.outbox.states import State

LEASE = timedelta(minutes=5)
"""Longer than a mail server can take: a connection, a sign-in and a message at 15 s a step."""

TRIES = 8
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivered:
    """How many messages were sent, put off and given up."""

    sent: int = 0
    put_off: int = 0
    given_up: int = 0


def deliver(*, limit: int = 100) -> Delivered:
    """Try up to `limit` messages that are due, oldest first. Any number of deliverers may do so at once.

    When the mail server is away, the rest keep their turn and lose no try.
    """
    done = Delivered()
    for message_id in _due(limit):
        claimed = _claim(message_id)
        if claimed is None:
            continue
        trouble = _deliver(claimed, done)
        if trouble is Trouble.AWAY:
            break
    return done


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many tries: 30 s, 2 min, 8 min, 32 min, about 2 h, then 6 h."""
    factor: int = 4 ** (attempts - 1)
    return min(FIRST_PAUSE * factor, LONGEST_PAUSE)


def _due(limit: int) -> Sequence[UUID]:
    is_due = (OutboxMessage.state == State.PENDING) & (OutboxMessage.next_try_at <= clock.now())
    rows = fetch_all(select(OutboxMessage.id).where(is_due).order_by(OutboxMessage.next_try_at).limit(limit))
    return [row.id for row in rows]


def _claim(message_id: UUID) -> Row[Any] | None:
    """Take the message for the time of a lease; None when somebody else has it."""
    now = clock.now()
    is_due = (OutboxMessage.state == State.PENDING) & (OutboxMessage.next_try_at <= now)
    with transaction():
        return execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == message_id, is_due)
            .values(attempts=OutboxMessage.attempts + 1, next_try_at=now + LEASE)
            .returning(*OutboxMessage.__table__.columns)
        ).one_or_none()


def _deliver(claimed: Row[Any], done: Delivered) -> Trouble | None:
    """Send a claimed message and record what came of it."""
    try:
        _send(claimed, clock.now())
    except NotDelivered as error:
        _record_failure(claimed, error, done)
        return error.trouble
    except Exception as error:  # noqa: BLE001 - one message that cannot be written must not hold up the others
        _record_failure(claimed, NotDelivered(type(error).__name__, Trouble.LATER), done)
        return Trouble.LATER
    _record_sent(claimed)
    done.sent += 1
    return None


def _send(claimed: Row[Any], now: datetime) -> None:
    """Raises NotDelivered. In development, without a mail server, the page of messages is where they arrive."""
    assert_no_transaction()
    config = settings()
    try:
        message = written(claimed)
    except Unreadable:
        raise NotDelivered("Unreadable", Trouble.REFUSED) from None
    if config.mail.server is not None:
        mail.send(message, server=config.mail.server, sender=config.mail.sender, at=now)
    elif config.is_production:
        raise NotDelivered("NoMailServer", Trouble.LATER)


def written(row: Row[Any]) -> mail.Message:
    """The message of a row. Raises Unreadable."""
    return mail.write(
        row.template,
        sealing.open_values(row.id, row.sealed_values or ""),
        to=sealing.open_address(row.id, row.sealed_to or ""),
        locale=row.locale,
        message_id=row.message_id,
        service=settings().mail.service_name,
    )


def _record_sent(claimed: Row[Any]) -> None:
    """What was handed over is forgotten; without a mail server it is what the page shows."""
    forgotten = {"sealed_to": None, "sealed_values": None} if settings().mail.server else {}
    is_mine = (OutboxMessage.id == claimed.id) & (OutboxMessage.state == State.PENDING)
    values = {"state": State.SENT, "sent_at": clock.now(), "last_error": None, **forgotten}
    with transaction():
        execute(update(OutboxMessage).where(is_mine).values(values))
    log.info("mail.sent", extra={"messageId": claimed.message_id, "template": claimed.template})


def _record_failure(claimed: Row[Any], error: NotDelivered, done: Delivered) -> None:
    is_over = error.trouble is Trouble.REFUSED or claimed.attempts >= TRIES
    values = {
        "state": State.DEAD if is_over else State.PENDING,
        "last_error": error.reason[:60],
        "next_try_at": clock.now() + pause_after(claimed.attempts),
    }
    # Not when the lease ran out meanwhile and somebody else has the message now.
    is_mine = (OutboxMessage.state == State.PENDING) & (OutboxMessage.attempts == claimed.attempts)
    with transaction():
        execute(update(OutboxMessage).where(OutboxMessage.id == claimed.id, is_mine).values(values))
    done.given_up += is_over
    done.put_off += not is_over
    facts = {"messageId": claimed.message_id, "template": claimed.template, "reason": error.reason}
    log.log(logging.ERROR if is_over else logging.WARNING, "mail.dead" if is_over else "mail.put_off", extra=facts)
