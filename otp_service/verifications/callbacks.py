"""Takes the provider's signed events: whether an event is authentic and new, and what it changes (ADR 14).

The question before a start gets a response: only a code that this service has just reserved goes out. An event after it
may end a code that no longer works, and bring its delivery and its price. An event verifies no phone: a code counts as
right only for the request that reported it. The sweep asks for what no event brought.
"""

import hashlib
import logging
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from otp_service import fraud
from otp_service.core import allowances, clock
from otp_service.core.allowances import Allowance
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.body import parse_object
from otp_service.core.web.tracing import ClientInfo
from otp_service.providers import Channel
from otp_service.sinch import (
    SINCH,
    DeliveryEvent,
    Event,
    RequestEvent,
    ResultEvent,
    SignedRequest,
    Subject,
    is_fresh,
    parse_event,
    summary_of,
    verify_signature,
)
from otp_service.verifications import limits, own_codes, owners, receipts, records
from otp_service.verifications.errors import EventNotAccepted
from otp_service.verifications.records import Snapshot
from otp_service.verifications.settings import DeliverySettings
from otp_service.verifications.states import Outcome, State, ended_as

REMEMBERED_SECONDS = 660
"""Longer than a time stamp can be fresh: five minutes before its time and five after."""

_TAKE_A_CODE = (Channel.SMS, Channel.CALLOUT)
"""Sinch makes the code of a WhatsApp message itself, and a flash call has the number that rings."""

log = logging.getLogger(__name__)


def receive(signed: SignedRequest, *, authorization: str, client: ClientInfo) -> dict[str, Any] | None:
    """Return the response to an event, None for an empty one. Raises EventNotAccepted, MalformedJson.

    One transaction remembers the event and makes its change, so that an event that failed may come again.
    """
    now = clock.now()
    # Sinch signs the path that it calls; a proxy may have stripped the part of PUBLIC_URL.
    signed = replace(signed, path=settings().server.public_path + signed.path)
    _require_authentic(signed, authorization, now)
    event = parse_event(parse_object(signed.body))
    with transaction():
        _require_new(signed, now)
        return _apply(event, client, now)


def _require_authentic(signed: SignedRequest, authorization: str, now: datetime) -> None:
    key, secret = settings().sinch.app_key, settings().sinch.app_secret
    if SINCH.name not in settings().of(DeliverySettings).providers:
        # Without Sinch the key and the secret are the simulator's, which all can read.
        log.warning("webhook.refused", extra={"reason": "not in use"})
        raise EventNotAccepted
    is_ours = verify_signature(signed, authorization, key=key, secret=secret)
    if not (is_ours and is_fresh(signed.timestamp, now)):
        log.warning("webhook.refused", extra={"reason": "stale" if is_ours else "signature"})
        raise EventNotAccepted


def _require_new(signed: SignedRequest, now: datetime) -> None:
    # One upsert decides between parallel copies of an event. It remembers what was signed, since one signature can be
    # spelled in several ways (ADR 14).
    digest = hashlib.sha256(signed.string_to_sign()).hexdigest()
    if not allowances.take_if_left(Allowance("sinch-event", digest, 1, REMEMBERED_SECONDS), now=now):
        log.warning("webhook.refused", extra={"reason": "replayed"})
        raise EventNotAccepted


def _apply(event: Event | None, client: ClientInfo, now: datetime) -> dict[str, Any] | None:
    name = type(event).__name__ if event else "unknown"
    if isinstance(event, RequestEvent):
        reply = _reply(event)
        log.info("webhook.received", extra={"kind": name, "answer": reply["action"]})
        return reply
    is_applied = False
    if isinstance(event, ResultEvent):
        is_applied = _take_result(event, client, now)
    elif isinstance(event, DeliveryEvent):
        is_applied = _take_delivery(event, client, now)
    log.info("webhook.received", extra={"kind": name, "applied": is_applied})
    return None


def _reply(event: RequestEvent) -> dict[str, Any]:
    """Return Sinch's reply object. Sinch asks while our call to start waits: nothing here may wait for that request.

    A code of ours is drawn, sent and forgotten: Sinch compares it when it is reported.
    """
    verification = _find(event.subject)
    if verification is None or verification.state != State.RESERVED:
        return {"action": "deny"}
    if settings().of(DeliverySettings).supplies_code and verification.via() in _TAKE_A_CODE:
        return {"action": "allow", verification.channel: {"code": own_codes.draw()}}
    return {"action": "allow"}


def _take_result(event: ResultEvent, client: ClientInfo, now: datetime) -> bool:
    """Close a sent code that Sinch has closed; return whether anything changed."""
    verification = _find(event.subject)
    if verification is None or verification.provider_id is None:
        return False
    with transaction():
        is_changed = event.price is not None and receipts.set_price(verification.id, event.price, only_first=True)
        # Never from `reserved`: the request that started it is about to learn what became of it. And a success changes
        # no state: only the request that reported the code knows whose it is (ADR 14).
        ended = ended_as(event.status, origin=State.SENT)
        if ended is None or not records.move(verification.id, State.SENT, ended, now=now):
            return is_changed
        if ended is State.FAILED:
            _record_failure(verification, summary_of(event.status, event.reason), client, now)
        elif ended is State.EXPIRED:
            owners.record_outcome(Outcome.EXPIRED, verification, at=now, client=client)
        return True


def _take_delivery(event: DeliveryEvent, client: ClientInfo, now: datetime) -> bool:
    """Record whether the message arrived; return whether that changed anything."""
    verification = _find(event.subject)
    if verification is None:
        return False
    with transaction():
        if not receipts.set_delivery(verification.id, has_arrived=event.has_arrived):
            return False
        # The code stays valid after a failure: receipts have been wrong.
        if not event.has_arrived and verification.state in {State.RESERVED, State.SENT}:
            _record_failure(verification, "the delivery receipt says that the message did not arrive", client, now)
        return True


def _record_failure(verification: Snapshot, failure: str, client: ClientInfo, now: datetime) -> None:
    """Let the owner ask for a code by another channel at once."""
    records.note_failure(verification.id, failure)
    limits.give_back_cooldown(verification.spending(), taken_at=verification.created_at)
    fraud.note(verification.id, fraud.Outcome.UNDELIVERED, at=now)
    facts = {"channel": verification.channel}
    owners.record("otp.delivery_failed", verification.owner, client=client, at=now, **facts)
    owners.record_outcome(Outcome.UNDELIVERED, verification, at=now, client=client)


def _find(subject: Subject) -> Snapshot | None:
    """Return the verification that an event names, if number, channel and (once known) Sinch's id agree."""
    try:
        verification_id = uuid.UUID(subject.reference or "")
    except ValueError:
        return None
    verification = records.find(verification_id)
    if verification is None or verification.provider != SINCH.name or verification.reference != subject.reference:
        return None
    is_same = verification.phone_number == subject.number and verification.via() is subject.channel
    if verification.provider_id is not None:
        is_same = is_same and verification.opened_provider_id() == subject.id
    return verification if is_same else None
