"""Puts an e-mail into the outbox, in the transaction of the act that it tells of."""

import uuid
from datetime import datetime

from otp_service import mail
from otp_service.core.database.prepared import prepared_insert
from otp_service.core.database.transactions import execute
from otp_service.core.settings import settings
from otp_service.outbox import sealing
from otp_service.outbox.announcing import announce_after_commit
from otp_service.outbox.models import OutboxMessage
from otp_service.outbox.states import State

_add = prepared_insert(OutboxMessage)
Value = str | int | datetime | None


def post(
    template: str, /, *, to: str, locale: str | None, now: datetime, user_id: int | None = None, **values: Value
) -> uuid.UUID:
    """Have an e-mail sent once the open transaction is committed; nothing is sent when it is rolled back.

    `values` are those that mail.catalogue names for the template; None counts as not given. Raises ValueError for
    others, RuntimeError outside a transaction.
    """
    given = {name: value for name, value in values.items() if value is not None}
    mail.require_values(template, given)
    key = uuid.uuid4()
    execute(
        *_add(
            id=key,
            template=template,
            user_id=user_id,
            locale=locale,
            sealed_to=sealing.seal_address(key, to),
            sealed_values=sealing.seal_values(key, {**given, "at": now}),
            message_id=f"<{key}@{settings().mail.sender.domain}>",
            state=State.PENDING,
            attempts=0,
            created_at=now,
            next_try_at=now,
        )
    )
    announce_after_commit()
    return key
