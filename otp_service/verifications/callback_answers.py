"""Answers Sinch's question before a start: only what this service has just reserved goes out."""

import secrets
import uuid
from typing import Any

from otp_service.core.services import settings
from otp_service.sinch import Channel, RequestEvent, Subject
from otp_service.verifications import ledger
from otp_service.verifications.ledger import Ticket
from otp_service.verifications.settings import DeliverySettings
from otp_service.verifications.states import State

CODE_DIGITS = 6
_TAKE_A_CODE = (Channel.SMS, Channel.CALLOUT)
"""A WhatsApp code is Sinch's own, and a flash call has the number that rings."""


def answer(event: RequestEvent) -> dict[str, Any]:
    """Sinch's reply object. It asks while our own call to start waits: nothing here may wait for that request.

    A code of ours is drawn, told and forgotten: it is Sinch that compares it when it is reported.
    """
    ticket = find(event.subject)
    if ticket is None or ticket.state != State.RESERVED:
        return {"action": "deny"}
    if settings().of(DeliverySettings).supplies_code and ticket.via() in _TAKE_A_CODE:
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        return {"action": "allow", ticket.channel: {"code": code}}
    return {"action": "allow"}


def find(subject: Subject) -> Ticket | None:
    """The verification that an event names by our reference, if number, channel and (once known) Sinch's id agree."""
    try:
        verification_id = uuid.UUID(subject.reference or "")
    except ValueError:
        return None
    ticket = ledger.find(verification_id)
    if ticket is None or ticket.reference != subject.reference:
        return None
    is_same = ticket.phone_number == subject.number and ticket.via() is subject.channel
    if ticket.provider_id is not None:
        is_same = is_same and ticket.opened_provider_id() == subject.id
    return ticket if is_same else None
