"""Takes a signed event: whether it is one, whether it came before, and who has to hear of it."""

import hashlib
import logging
from datetime import datetime
from typing import Any

from otp_service.core import allowances, clock
from otp_service.core.allowances import Allowance
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.body import parse_object
from otp_service.core.web.tracing import ClientInfo
from otp_service.sinch import (
    DeliveryEvent,
    Event,
    RequestEvent,
    ResultEvent,
    SignedRequest,
    is_fresh,
    parse_event,
    verify_signature,
)
from otp_service.verifications import callback_answers, callbacks
from otp_service.webhooks.errors import EventNotAccepted

REMEMBERED_SECONDS = 660
"""Longer than a time stamp can be fresh: five minutes before its time and five after."""

log = logging.getLogger(__name__)


def receive(signed: SignedRequest, *, authorization: str, client: ClientInfo) -> dict[str, Any] | None:
    """The answer to an event, None for an empty one. Raises EventNotAccepted, MalformedJson.

    What is remembered of it and what it changes are one transaction: an event that failed may come again.
    """
    now = clock.now()
    _require_authentic(signed, authorization, now)
    event = parse_event(parse_object(signed.body))
    with transaction():
        _require_new(signed, now)
        return _answer(event, client, now)


def _require_authentic(signed: SignedRequest, authorization: str, now: datetime) -> None:
    key, secret = settings().sinch.app_key, settings().sinch.app_secret
    is_ours = verify_signature(signed, authorization, key=key, secret=secret)
    if not (is_ours and is_fresh(signed.timestamp, now)):
        log.warning("webhook.refused", extra={"reason": "stale" if is_ours else "signature"})
        raise EventNotAccepted


def _require_new(signed: SignedRequest, now: datetime) -> None:
    """One statement decides. What is signed is what counts, however its signature is spelled."""
    digest = hashlib.sha256(signed.string_to_sign()).hexdigest()
    once = Allowance("sinch-event", digest, 1, REMEMBERED_SECONDS)
    if not allowances.take_if_left(once, now=now):
        log.warning("webhook.refused", extra={"reason": "replayed"})
        raise EventNotAccepted


def _answer(event: Event | None, client: ClientInfo, now: datetime) -> dict[str, Any] | None:
    name = type(event).__name__ if event else "unknown"
    if isinstance(event, RequestEvent):
        reply = callback_answers.answer(event)
        log.info("webhook.received", extra={"kind": name, "answer": reply["action"]})
        return reply
    is_applied = False
    if isinstance(event, ResultEvent):
        is_applied = callbacks.take_result(event, client=client, now=now)
    elif isinstance(event, DeliveryEvent):
        is_applied = callbacks.take_delivery(event, client=client, now=now)
    log.info("webhook.received", extra={"kind": name, "applied": is_applied})
    return None
