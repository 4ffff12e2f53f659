"""What Sinch's events may change: the end of a code that nobody can use any more, its delivery, its price.

An event proves nothing: a code counts as right only when somebody reported it here. The sweep asks for what no event
told.
"""

from datetime import datetime

from otp_service import audit
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.sinch import DeliveryEvent, ResultEvent, VerificationStatus
from otp_service.verifications import budget, callback_answers, ledger
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.states import State

_ENDED = {
    VerificationStatus.ABORTED: State.SUPERSEDED,
    VerificationStatus.FAIL: State.EXPIRED,
    VerificationStatus.DENIED: State.FAILED,
    VerificationStatus.ERROR: State.FAILED,
}
_BROUGHT_NOTHING = (VerificationStatus.DENIED, VerificationStatus.ERROR)


def take_result(event: ResultEvent, *, client: ClientInfo, now: datetime) -> bool:
    """Close a sent code that Sinch has closed; whether anything changed.

    Success changes no state: the request that reported the code records it, or the next try of the same code does.
    A reservation is left alone as well: its own request is about to learn what became of it.
    """
    ticket = callback_answers.find(event.subject)
    if ticket is None or ticket.provider_id is None:
        return False
    with transaction():
        is_changed = event.price is not None and ledger.set_first_price(ticket.id, event.price)
        ended = _ENDED.get(event.status)
        if ended is None or not ledger.move(ticket.id, (State.SENT,), ended, settled_at=now):
            return is_changed
        if event.status in _BROUGHT_NOTHING:
            _tell_of_failure(ticket, client, now)
        return True


def take_delivery(event: DeliveryEvent, *, client: ClientInfo, now: datetime) -> bool:
    """Note whether the message arrived; whether that was news.

    After a failure nobody has to wait for another way, but the code stays good: receipts have been wrong.
    """
    ticket = callback_answers.find(event.subject)
    if ticket is None:
        return False
    with transaction():
        if not ledger.set_delivery(ticket.id, has_arrived=event.has_arrived):
            return False
        if not event.has_arrived and ticket.state in {State.RESERVED, State.SENT}:
            _tell_of_failure(ticket, client, now)
        return True


def _tell_of_failure(ticket: Ticket, client: ClientInfo, now: datetime) -> None:
    budget.give_back_cooldown(ticket.user_id, taken_at=ticket.created_at)
    audit.record("otp.delivery_failed", user_id=ticket.user_id, client=client, at=now, channel=ticket.channel)
