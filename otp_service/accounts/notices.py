"""Tells people by e-mail what was done to their accounts, in the transaction of the act."""

from datetime import datetime

from otp_service import outbox
from otp_service.accounts import users
from otp_service.core.web.tracing import ClientInfo


def notify(
    user_id: int,
    template: str,
    /,
    *,
    now: datetime,
    client: ClientInfo | None = None,
    to: str | None = None,
    **values: str | int | None,
) -> None:
    """Post a notice to the user's address, or to an earlier one of theirs (`to`), in the user's language.

    `template` and `values` are those of mail.catalogue. Runs inside the open transaction. Raises UserNotFound.
    """
    account = users.get(user_id)
    seen_from = {"ip": client.ip or None, "agent": client.agent or None} if client else {}
    outbox.enqueue(
        template, to=to or account.email, locale=account.locale, now=now, user_id=user_id, **{**seen_from, **values}
    )
