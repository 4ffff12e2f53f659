"""Puts an e-mail into the outbox, in the transaction of the act that it reports (ADR 12).

A rollback removes the message along with the act, and an outage of the mail server cannot lose it.
"""

import uuid
from datetime import datetime

from otp_service import mail
from otp_service.core.database.statements import prepared_insert
from otp_service.core.database.transactions import execute
from otp_service.core.services import settings
from otp_service.mail.settings import MailSettings
from otp_service.outbox import content
from otp_service.outbox.models import OutboxMessage, State

Value = str | int | datetime | None

_insert = prepared_insert(OutboxMessage)


def enqueue(
    template: str, /, *, to: str, locale: str | None, now: datetime, user_id: int | None = None, **values: Value
) -> uuid.UUID:
    """Have an e-mail sent once the open transaction is committed, and return the message's id.

    `values` are those that mail.catalogue names for the template; None counts as missing. Raises ValueError for
    other values, RuntimeError outside a transaction.
    """
    given = {name: value for name, value in values.items() if value is not None}
    mail.require_values(template, given)
    key = uuid.uuid4()
    execute(
        *_insert(
            id=key,
            template=template,
            user_id=user_id,
            locale=locale,
            sealed_to=content.seal_address(key, to),
            sealed_values=content.seal_values(key, {**given, "at": now}),
            message_id=f"<{key}@{settings().of(MailSettings).sender.domain}>",
            state=State.PENDING,
            attempts=0,
            created_at=now,
            next_try_at=now,
        )
    )
    return key
