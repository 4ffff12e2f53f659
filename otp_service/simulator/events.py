"""The events that Sinch posts to an application's callback, field by field."""

from typing import Any

from otp_service.simulator.prices import CURRENCY
from otp_service.simulator.verification import Verification


def request_event(v: Verification, accept_language: str | None) -> dict[str, Any]:
    """Asks whether a verification may be started."""
    document = {
        **_common(v, "VerificationRequestEvent"),
        "price": {"currencyId": CURRENCY, "amount": float(v.price)},
        "rate": {"currencyId": CURRENCY, "amount": 0.0},
        **_echoed(v),
    }
    languages = [entry.split(";")[0].strip() for entry in (accept_language or "").split(",")]
    if any(languages):
        document["acceptLanguage"] = [language for language in languages if language]
    return document


def result_event(v: Verification) -> dict[str, Any]:
    """Tells how a verification ended."""
    document = {**_common(v, "VerificationResultEvent"), "status": v.status.value}
    if v.reason:
        document["reason"] = v.reason.value
    document.update(_echoed(v))
    if v.source:
        document["source"] = v.source
    return document


def delivered_event(v: Verification) -> dict[str, Any]:
    """Tells that a text message arrived."""
    return {**_common(v, "VerificationSmsDeliveredEvent"), "smsResult": "Successful", **_echoed(v)}


def _common(v: Verification, event: str) -> dict[str, Any]:
    identity = {"type": "number", "endpoint": v.number}
    return {"id": v.id, "event": event, "method": v.method.value, "identity": identity}


def _echoed(v: Verification) -> dict[str, str]:
    return {name: value for name, value in (("reference", v.reference), ("custom", v.custom)) if value}
