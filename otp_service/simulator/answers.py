"""The bodies of Sinch's answers, field by field."""

from datetime import timedelta
from typing import Any

from otp_service.simulator.clock import seven_decimals
from otp_service.simulator.draws import FLASHCALL_PREFIX
from otp_service.simulator.prices import CURRENCY
from otp_service.simulator.provider import Provider
from otp_service.simulator.verification import Method, Status, Verification

VERIFICATIONS_PATH = "/verification/v1/verifications"
SEAMLESS_PATH = "/verification/v1/seamless"
CALL_SECONDS = 34


def start_answer(v: Verification, base_url: str) -> dict[str, Any]:
    """The answer to a start. It has no status: that is only learnt by asking."""
    href = f"{base_url}{VERIFICATIONS_PATH}/id/{v.id}"
    document: dict[str, Any] = {"id": v.id, "method": v.method.value}
    details = _start_details(v, base_url)
    if details:
        document[v.method.section] = details
    document["_links"] = [
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


def report_answer(v: Verification) -> dict[str, Any]:
    """The answer to a report."""
    document: dict[str, Any] = {"id": v.id, "method": v.method.value, "status": v.status.value}
    if v.reason:
        document["reason"] = v.reason.value
    if v.method.is_call:
        document["callComplete"] = v.status is not Status.PENDING
    if v.reference:
        document["reference"] = v.reference
    return document


def status_answer(provider: Provider, v: Verification) -> dict[str, Any]:
    """The answer to a question for the status; the price shows once the end is known."""
    document = report_answer(v)
    if v.method is Method.CALLOUT and v.ended_at and v.is_delivered:
        document["callResult"] = "ANSWERED"
    price = _price(provider, v)
    if price:
        document["price"] = price
    document["identity"] = {"type": "number", "endpoint": v.number}
    document["countryId"] = v.country
    document["verificationTimestamp"] = seven_decimals(v.ended_at or v.started_at)
    if v.source:
        document["source"] = v.source
    return document


def _price(provider: Provider, v: Verification) -> dict[str, Any] | None:
    delay = timedelta(seconds=provider.settings.price_delay_seconds)
    if not v.ended_at or not v.is_delivered or provider.clock.now() < v.ended_at + delay:
        return None
    price: dict[str, Any] = {"verificationPrice": {"currencyId": CURRENCY, "amount": float(v.price)}}
    if v.method.is_call and provider.settings.termination_debiting:
        price["terminationPrice"] = {"currencyId": CURRENCY, "amount": 0.0}
        price["billableDuration"] = CALL_SECONDS
    return price
