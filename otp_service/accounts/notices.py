"""Notifies people by e-mail of changes to their accounts, in the transaction of the change (ADR 12)."""

from collections.abc import Sequence
from datetime import datetime

from otp_service import outbox
from otp_service.accounts import earlier_addresses, users
from otp_service.core.web.tracing import ClientInfo

_ALSO_TO_EARLIER = {
    *("password_changed", "phone_changed", "number_lost"),
    *("factor_added", "factor_removed", "backup_code_used"),
    *("new_sign_in", "unusual_sign_in", "sign_in_denied"),
}


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
    """Send a notice in the user's language to the user's address, or to an earlier address of the user (`to`).

    A notice about a factor, a password, a number or a sign-in also goes to earlier addresses (see `notify_earlier`).
    Runs in the open transaction, so a rollback takes the notice back. `template` and `values` are those of
    `mail.catalogue`. An account whose address was released gets none. Raises UserNotFound.
    """
    account = users.get(user_id)
    address = to or account.address
    if address is not None:
        seen_from = {"ip": client.ip or None, "agent": client.agent or None} if client else {}
        outbox.enqueue(template, to=address, locale=account.locale, now=now, user_id=user_id, **{**seen_from, **values})
    if to is None and template in _ALSO_TO_EARLIER:
        notify_earlier(user_id, template, now=now, client=client, **values)


def notify_earlier(
    user_id: int, template: str, /, *, now: datetime, client: ClientInfo | None = None, **values: str | int | None
) -> None:
    """Send a notice to the addresses that the user had in the last 30 days: an intruder may have changed the address.

    It must hold no token and no link, since such a mailbox may have another owner by now. Raises what `notify` raises.
    """
    present = users.get(user_id).address
    for address in earlier_addresses.of_user(user_id, now=now):
        if address != present:
            notify(user_id, template, now=now, client=client, to=address, **values)


def notify_everywhere(
    user_id: int,
    template: str,
    /,
    *,
    now: datetime,
    client: ClientInfo | None = None,
    pending: Sequence[str] = (),
    **values: str | int | None,
) -> None:
    """Send a notice to every address of the user: the present one, verified or not, earlier and `pending` ones.

    For what an intruder may have done: one of the addresses may be the intruder's, and another one the owner's. Find
    the pending ones by `links.pending_addresses` before the act voids them. Raises what `notify` raises.
    """
    stored = (users.get(user_id).address, *earlier_addresses.of_user(user_id, now=now), *pending)
    # A dictionary keeps the order, and each address once.
    for address in dict.fromkeys(address for address in stored if address is not None):
        notify(user_id, template, now=now, client=client, to=address, **values)
