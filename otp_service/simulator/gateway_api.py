"""A small HTTP gateway for messages, as `HTTP_GATEWAY_URL` expects one: what it receives arrives in the same inboxes.

Requests are signed by the Standard Webhooks specification (standardwebhooks.com).
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from otp_service.simulator.http.errors import ApiError
from otp_service.simulator.http.request_response import Request, Response
from otp_service.simulator.provider.faults import GATEWAY, Phase
from otp_service.simulator.provider.provider import Provider
from otp_service.simulator.provider.request_bodies import parse_number, read_object
from otp_service.simulator.provider.store import Call, Operation
from otp_service.simulator.provider.verification import Message
from otp_service.simulator.spoiling import spoil

PATH = "/gateway/messages"
CHANNELS = ("sms", "whatsapp", "callout")
_TEXTS = ("id", "to", "channel", "text", "code")


def respond_to_message(provider: Provider, request: Request) -> Response:
    """Take a message, unless a fault says otherwise. Raises ApiError for one that is not accepted."""
    number = _number_of(request)
    provider.calls.add(Call(Operation.GATEWAY, number, provider.clock.now(), request.verb, request.path, False))
    taken = provider.faults.take(GATEWAY, number)
    for fault in taken.faults:
        spoiled = spoil(fault, request, None, taken.release) if fault.phase is Phase.BEFORE else None
        if spoiled:
            return spoiled
    response = _take(provider, request)
    for fault in taken.faults:
        spoiled = spoil(fault, request, response, taken.release) if fault.phase is Phase.AFTER else None
        response = spoiled or response
    return response


def _take(provider: Provider, request: Request) -> Response:
    try:
        _require_signature(provider, request)
        message = _read(provider, read_object(request.body))
    except ApiError as error:
        return error.response()  # not raised: a fault of the phase `after` spoils errors too
    with provider.store.lock:
        provider.store.deliver(message)
    price = provider.settings.gateway_price
    return Response.of({"price": price, "currency": "EUR"} if price else {}, 202)


def _read(provider: Provider, document: dict[str, Any]) -> Message:
    for name in _TEXTS:
        if not isinstance(document.get(name), str) or not document[name]:
            raise ApiError(40001, f"{name} must be a text.")
    if document["channel"] not in CHANNELS:
        raise ApiError(42201, f"This gateway carries {', '.join(CHANNELS)}.")
    now = provider.clock.now()
    return Message(
        id=provider.random_values.identifier(now),
        to=parse_number(document["to"])[0],
        channel=document["channel"],
        text=document["text"],
        code=document["code"],
        cli=None,
        at=now,
        verification_id=document["id"],
        reference=document["id"],
        provider="http",
    )


def _require_signature(provider: Provider, request: Request) -> None:
    number, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    signed = f"{number}.{at}.".encode() + request.body
    mac = hmac.digest(provider.settings.gateway_secret_bytes(), signed, hashlib.sha256)
    expected = f"v1,{base64.b64encode(mac).decode()}"
    given = request.headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
        raise ApiError(40102)
    tolerance = timedelta(seconds=provider.settings.timestamp_tolerance_seconds)
    signed_at = datetime.fromtimestamp(int(at), UTC) if at.isdecimal() else datetime.min.replace(tzinfo=UTC)
    if all(abs(signed_at - now) > tolerance for now in (provider.clock.base(), provider.clock.now())):
        raise ApiError(40105)


def _number_of(request: Request) -> str | None:
    try:
        return parse_number(read_object(request.body).get("to"))[0]
    except ApiError:
        return None
