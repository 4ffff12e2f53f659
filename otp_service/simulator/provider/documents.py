"""The JSON that Sinch sends: responses to the three operations, and events."""

from datetime import datetime, timedelta
from typing import Any

from otp_service.simulator.clock import seven_decimals
from otp_service.simulator.provider.billing import CURRENCY
from otp_service.simulator.provider.message_contents import FLASHCALL_PREFIX
from otp_service.simulator.provider.verification import Method, Status, Verification
from otp_service.simulator.settings import SimulatorSettings

VERIFICATIONS_PATH = "/verification/v1/verifications"
SEAMLESS_PATH = "/verification/v1/seamless"
CALL_SECONDS = 34


def start_response(v: Verification, base_url: str) -> dict[str, Any]:
    """Return the response to a start. It has no status: only a status request shows that it is PENDING."""
    href = f"{base_url}{VERIFICATIONS_PATH}/id/{v.id}"
    document: dict[str, Any] = {"id": v.id, "method": v.method.value}
    details = _start_details(v, base_url)
    if details:  # a callout has none: Sinch's current documents show the id, the method and the links alone
        document[v.method.section] = details
    document["_links"] = [  # an array in this order, in the fixtures of the Java and Node SDKs
        {"rel": "status", "href": href, "method": "GET"},
        {"rel": "report", "href": href, "method": "PUT"},
    ]
    return document


def _start_details(v: Verification, base_url: str) -> dict[str, Any]:
    if v.method is Method.SMS:
        return {
            "template": v.template,
            "interceptionTimeout": v.interception_seconds,
            "codeType": v.code_type,
        }
    if v.method is Method.FLASHCALL:
        # Our own calling numbers all fit the filter of Sinch's fixtures, (.*)8156(.*). A callback may choose another.
        known = v.secret[2:6] if v.secret.startswith(FLASHCALL_PREFIX) else v.secret[-8:-4]
        return {
            "cliFilter": f"(.*){known}(.*)",
            "interceptionTimeout": v.interception_seconds,
            "reportTimeout": int((v.expires_at - v.started_at).total_seconds()),
            "denyCallAfter": 0,
        }
    if v.method is Method.SEAMLESS:
        return {"targetUri": f"{base_url}{SEAMLESS_PATH}/{v.secret}"}
    return {"codeType": v.code_type} if v.method is Method.WHATSAPP else {}


def report_response(v: Verification) -> dict[str, Any]:
    """Return the response to a report. `reference` is in it because the .NET SDK's tests expect it."""
    document: dict[str, Any] = {"id": v.id, "method": v.method.value, "status": v.status.value}
    if v.reason:
        document["reason"] = v.reason.value
    if v.method.is_call:
        document["callComplete"] = v.status is not Status.PENDING
    if v.reference:
        document["reference"] = v.reference
    return document


def status_response(v: Verification, settings: SimulatorSettings, now: datetime) -> dict[str, Any]:
    """Return the response to a status request at `now`. The price appears after the end."""
    document = report_response(v)
    # What the real service says of a flash call is not known: fixtures name a call result for callouts only.
    if v.method is Method.CALLOUT and v.ended_at and v.is_delivered:
        document["callResult"] = "ANSWERED"
    price = _price(v, settings, now)
    if price:
        document["price"] = price
    document["identity"] = {"type": "number", "endpoint": v.number}
    document["countryId"] = v.country
    # Pairs of ids and timestamps in the Node SDK's tests show that it is the time of the end, not of the start.
    document["verificationTimestamp"] = seven_decimals(v.ended_at or v.started_at)
    if v.source:
        document["source"] = v.source
    return document


def _price(v: Verification, settings: SimulatorSettings, now: datetime) -> dict[str, Any] | None:
    delay = timedelta(seconds=settings.price_delay_seconds)
    if not v.ended_at or not v.is_delivered or now < v.ended_at + delay:
        return None
    # A number on the wire, as with Sinch: readers must take its decimal digits, not its binary value.
    price: dict[str, Any] = {"verificationPrice": {"currencyId": CURRENCY, "amount": float(v.price)}}
    if v.method.is_call and settings.termination_debiting:
        price["terminationPrice"] = {"currencyId": CURRENCY, "amount": 0.0}
        price["billableDuration"] = CALL_SECONDS
    return price


def request_event(v: Verification, accept_language: str | None) -> dict[str, Any]:
    """Return the event that asks whether a verification may start."""
    document = {
        **_common(v, "VerificationRequestEvent"),
        "price": {"currencyId": CURRENCY, "amount": float(v.price)},
        "rate": {"currencyId": CURRENCY, "amount": 0.0},  # sent, though Sinch's OpenAPI description lacks it
        **_echoed(v),
    }
    languages = [entry.split(";")[0].strip() for entry in (accept_language or "").split(",")]
    if any(languages):
        document["acceptLanguage"] = [language for language in languages if language]
    return document


def result_event(v: Verification) -> dict[str, Any]:
    """Return the event that says how a verification ended."""
    document = {**_common(v, "VerificationResultEvent"), "status": v.status.value}
    if v.reason:
        document["reason"] = v.reason.value
    document.update(_echoed(v))
    if v.source:
        document["source"] = v.source
    return document


def delivered_event(v: Verification) -> dict[str, Any]:
    """Return the event that says that a text message arrived."""
    return {**_common(v, "VerificationSmsDeliveredEvent"), "smsResult": "Successful", **_echoed(v)}


def _common(v: Verification, event: str) -> dict[str, Any]:
    identity = {"type": "number", "endpoint": v.number}
    return {"id": v.id, "event": event, "method": v.method.value, "identity": identity}


def _echoed(v: Verification) -> dict[str, str]:
    return {name: value for name, value in (("reference", v.reference), ("custom", v.custom)) if value}
