"""Sends the messages in the outbox. Any number of workers may do so at once (ADR 12).

A worker claims a message for the time of a lease. If it dies, another worker sends the message after the lease. If it
died after the mail server had accepted the message, the recipient gets it twice, with the same Message-ID.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, or_, select, update

from otp_service import mail
from otp_service.core import clock
from otp_service.core.crypto.secrets import Unreadable
from otp_service.core.database.transactions import assert_no_transaction, execute, fetch_all, transaction
from otp_service.core.services import settings
from otp_service.mail import Failure, NotSent
from otp_service.mail.settings import MailSettings
from otp_service.outbox import content
from otp_service.outbox.models import OutboxMessage, State

LEASE = timedelta(minutes=5)
"""Longer than one message can take: connecting, signing in and sending may each take 15 s a step."""

TRIES = 8
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivered:
    """How many messages were sent, deferred and given up."""

    sent: int = 0
    deferred: int = 0
    given_up: int = 0

    @property
    def count(self) -> int:
        """How many were tried."""
        return self.sent + self.deferred + self.given_up


def deliver(*, limit: int = 100) -> Delivered:
    """Try up to `limit` messages that are due, the longest due first."""
    done = Delivered()
    for message_id in _due_ids(limit):
        claimed = _claim(message_id)
        if claimed is None:
            continue
        failure = _deliver(claimed, done)
        if failure in {Failure.SERVER_UNAVAILABLE, Failure.REJECTED}:
            break  # an outage costs one message a try, not every message in the outbox
    return done


def pause_after(attempts: int) -> timedelta:
    """Return the pause after so many tries: 30 s, 2 min, 8 min, 32 min, about 2 h, then 6 h."""
    factor: int = 4 ** (attempts - 1)
    return min(FIRST_PAUSE * factor, LONGEST_PAUSE)


def _is_due(now: datetime) -> ColumnElement[bool]:
    # A message that was never tried is due at once, and no pause is longer than the longest one: a later time was
    # written by a clock that was ahead.
    has_come = or_(
        OutboxMessage.next_try_at <= now, OutboxMessage.attempts == 0, OutboxMessage.next_try_at > now + LONGEST_PAUSE
    )
    return (OutboxMessage.state == State.PENDING) & has_come


def _due_ids(limit: int) -> Sequence[UUID]:
    due = select(OutboxMessage.id).where(_is_due(clock.now()))
    return [row.id for row in fetch_all(due.order_by(OutboxMessage.next_try_at).limit(limit))]


def _claim(message_id: UUID) -> Row[Any] | None:
    """Claim the message for the time of a lease. Returns None when another worker has claimed it."""
    now = clock.now()
    with transaction():
        # One conditional update decides between workers that read the same due id: it moves `next_try_at`, so the
        # condition holds for one of them only. The try counts before it is made, so a crash cannot repeat it for ever.
        return execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == message_id, _is_due(now))
            .values(attempts=OutboxMessage.attempts + 1, next_try_at=now + LEASE)
            .returning(*OutboxMessage.__table__.columns)
        ).one_or_none()


def _deliver(claimed: Row[Any], done: Delivered) -> Failure | None:
    """Send a claimed message and record the outcome."""
    try:
        _send(claimed, clock.now())
    except NotSent as error:
        _record_failure(claimed, error, done)
        return error.failure
    except Exception as error:  # noqa: BLE001 - a message that cannot be rendered must not hold up the others
        _record_failure(claimed, NotSent(type(error).__name__, Failure.TRANSIENT), done)
        return Failure.TRANSIENT
    _record_sent(claimed)
    done.sent += 1
    return None


def _send(claimed: Row[Any], now: datetime) -> None:
    """Hand the message to the mail server. Raises NotSent.

    In development without a mail server, a message counts as sent: the mail page shows it.
    """
    assert_no_transaction()
    mailing = settings().of(MailSettings)
    try:
        message = content.render(claimed)
    except Unreadable:
        raise NotSent("Unreadable", Failure.PERMANENT) from None
    if mailing.server is not None:
        mail.send(message, server=mailing.server, sender=mailing.sender, at=now)
    elif settings().is_production:
        raise NotSent("NoMailServer", Failure.TRANSIENT)


def _record_sent(claimed: Row[Any]) -> None:
    """Record that the mail server accepted the message, and forget its content."""
    # Without a mail server the content stays: the mail page shows it.
    forgotten = {"sealed_to": None, "sealed_values": None} if settings().of(MailSettings).server else {}
    # Unlike a failure, this holds although the lease may have run out: the mail server has the message.
    is_pending = (OutboxMessage.id == claimed.id) & (OutboxMessage.state == State.PENDING)
    values = {"state": State.SENT, "sent_at": clock.now(), "last_error": None, **forgotten}
    with transaction():
        execute(update(OutboxMessage).where(is_pending).values(values))
    log.info("mail.sent", extra={"messageId": claimed.message_id, "template": claimed.template})


def _record_failure(claimed: Row[Any], error: NotSent, done: Delivered) -> None:
    is_over = error.failure is Failure.PERMANENT or claimed.attempts >= TRIES
    values = {
        "state": State.DEAD if is_over else State.PENDING,
        "last_error": error.reason[:60],
        "next_try_at": clock.now() + pause_after(claimed.attempts),
    }
    # `attempts` has risen if the lease ran out and another worker claimed the message. That worker records its own
    # outcome; this failure must not end its lease (ADR 12).
    is_mine = (OutboxMessage.state == State.PENDING) & (OutboxMessage.attempts == claimed.attempts)
    with transaction():
        execute(update(OutboxMessage).where(OutboxMessage.id == claimed.id, is_mine).values(values))
    done.given_up += is_over
    done.deferred += not is_over
    facts = {"messageId": claimed.message_id, "template": claimed.template, "reason": error.reason}
    needs_operator = is_over or error.failure is Failure.REJECTED
    event = "mail.dead" if is_over else "mail.rejected" if error.failure is Failure.REJECTED else "mail.put_off"
    log.log(logging.ERROR if needs_operator else logging.WARNING, event, extra=facts)
