"""Every answer of every method against the fields and types that Sinch documents: none missing, none made up."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from otp_service.simulator import Simulator
from tests.simulator.caller import PATH, PHONE, Caller

METHODS = ("sms", "flashcall", "callout", "seamless", "whatsapp")
REPORTED = ("sms", "flashcall", "callout", "whatsapp")
CALLS = ("flashcall", "callout")
TEXT, WHOLE, TRUTH = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
CODE_TYPE = {"enum": ["Numeric", "Alpha", "Alphanumeric"]}
REASONS = (
    "Fraud", "Not enough credit", "Blocked", "Denied by callback", "Invalid callback", "Internal error",
    "Destination denied", "Network error or number unreachable", "Failed pending", "SMS delivery failure",
    "Invalid CLI", "Invalid code", "Expired", "Hung up without entering valid code",
)  # fmt: skip


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these fields and no others."""
    fields = {**required, **(optional or {})}
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


DETAILS = {
    "sms": {"sms": closed({"template": TEXT, "interceptionTimeout": WHOLE, "codeType": CODE_TYPE})},
    "flashcall": {
        "flashCall": closed(
            {"cliFilter": TEXT, "interceptionTimeout": WHOLE, "reportTimeout": WHOLE, "denyCallAfter": WHOLE}
        )
    },
    "callout": {},
    "seamless": {"seamless": closed({"targetUri": TEXT})},
    "whatsapp": {"whatsapp": closed({"codeType": CODE_TYPE})},
}
LINK = closed({"rel": {"enum": ["status", "report"]}, "href": TEXT, "method": {"enum": ["GET", "PUT"]}})
MONEY = closed({"currencyId": {"pattern": "^[A-Z]{3}$"}, "amount": {"type": "number"}})
IDENTITY = closed({"type": {"const": "number"}, "endpoint": {"pattern": r"^\+[0-9]+$"}})
TIMESTAMP = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}$"}  # UTC, without a zone


def assert_shape(answer: Any, shape: dict[str, Any]) -> None:
    faults = [f"{error.json_path} {error.message}" for error in Draft202012Validator(shape).iter_errors(answer)]
    assert not faults, faults


def common(method: str) -> dict[str, Any]:
    return {"id": TEXT, "method": {"const": method}}


def price(method: str) -> dict[str, Any]:
    of_calls = {"terminationPrice": MONEY, "billableDuration": WHOLE} if method in CALLS else {}
    return closed({"verificationPrice": MONEY}, of_calls)


def proof(sim: Simulator) -> str:
    message = sim.inbox(PHONE)[0]
    return str(message["code"] or message["cli"])


@pytest.mark.parametrize("method", METHODS)
def test_a_start(caller: Caller, method: str) -> None:
    answer = caller.start(method).json()
    links = {"type": "array", "minItems": 2, "maxItems": 2, "items": LINK}
    assert_shape(answer, closed({**common(method), **DETAILS[method], "_links": links}))
    assert [(link["rel"], link["method"]) for link in answer["_links"]] == [("status", "GET"), ("report", "PUT")]
    assert len({link["href"] for link in answer["_links"]}) == 1


@pytest.mark.parametrize("method", REPORTED)
def test_a_right_report(sim: Simulator, caller: Caller, method: str) -> None:
    verification = caller.started(method, reference="r-1")
    answer = caller.report(verification, proof(sim), method).json()
    of_calls = {"callComplete": TRUTH} if method in CALLS else {}
    assert_shape(answer, closed({**common(method), "status": {"const": "SUCCESSFUL"}, "reference": TEXT, **of_calls}))


@pytest.mark.parametrize("method", REPORTED)
def test_a_report_that_comes_too_late(sim: Simulator, caller: Caller, method: str) -> None:
    verification = caller.started(method)
    caller.put("/simulator/clock", {"advanceSeconds": 3_600})
    answer = caller.report(verification, proof(sim), method).json()
    of_calls = {"callComplete": TRUTH} if method in CALLS else {}
    failed = {"status": {"const": "FAIL"}, "reason": {"const": "Expired"}}
    assert_shape(answer, closed({**common(method), **failed, **of_calls}))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("is_over", [False, True])
def test_a_status(caller: Caller, method: str, is_over: bool) -> None:
    verification = caller.started(method, reference="r-1")
    if is_over:
        caller.put("/simulator/clock", {"advanceSeconds": 3_600})
    place = {"identity": IDENTITY, "countryId": {"pattern": "^[A-Z]{2}$"}}
    always = {"status": TEXT, "reference": TEXT, "verificationTimestamp": TIMESTAMP, **place}
    ended = {"reason": {"enum": REASONS}, "price": price(method)}
    of_calls = {"callComplete": TRUTH, "callResult": TEXT} if method in CALLS else {}
    shape = closed({**common(method), **always, **(ended if is_over else {})}, {**of_calls, "source": TEXT})
    for path in (f"id/{verification}", f"{method}/number/{PHONE}", "reference/r-1"):
        answer = caller.call("GET", f"{PATH}/{path}").json()
        assert_shape(answer, shape)
        assert answer["status"] == ("FAIL" if is_over else "PENDING")


@pytest.mark.parametrize(
    ("verb", "path", "document", "code"),
    [
        ("POST", PATH, {}, 40001),
        ("PUT", f"{PATH}/id/nobodys", {"method": "sms", "sms": {"code": "1234"}}, 40400),
        ("GET", f"{PATH}/reference/nobodys", None, 40400),
    ],
)
def test_a_refusal(caller: Caller, verb: str, path: str, document: Any, code: int) -> None:
    answer = caller.call(verb, path, document)
    assert_shape(answer.json(), closed({"errorCode": {"const": code}, "message": TEXT}, {"reference": TEXT}))
    assert re.match(r"application/json", answer.headers["Content-Type"])
