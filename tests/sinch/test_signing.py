"""Signatures, against worked examples of Sinch's documents and SDKs and our own."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from otp_service.sinch import SignedRequest, is_fresh, verify_signature
from otp_service.sinch.signing import decode_secret, sign

OLD_KEY, OLD_SECRET = "5F5C418A0F914BBC8234A9BF5EDDAD97", "JViE5vDor0Sw3WllZka15Q=="
OLD_TIME = "2014-06-04T13:41:58Z"
VERIFICATIONS = "/verification/v1/verifications"


class Vector(NamedTuple):
    key: str
    secret: str
    request: SignedRequest
    signature: str


def _ours(method: str, path: str, body: bytes, signature: str, content_type: str = "application/json") -> Vector:
    return Vector(
        OLD_KEY, OLD_SECRET, SignedRequest(method, VERIFICATIONS + path, OLD_TIME, content_type, body), signature
    )


VECTORS = {
    "the documented message": Vector(
        OLD_KEY,
        OLD_SECRET,
        SignedRequest("POST", "/v1/sms/+46700000000", OLD_TIME, "application/json", b'{"message":"Hello world"}'),
        "qDXMwzfaxCRS849c/2R0hg0nphgdHciTo7OdM6MsdnM=",
    ),
    "the documented callback": Vector(
        "669E367E-6BBA-48AB-AF15-266871C28135",
        "BeIukql3pTKJ8RGL5zo0DA==",
        SignedRequest(
            "POST",
            "/sinch/callback/ace",
            "2014-09-24T10:59:41Z",
            "application/json",
            b'{"event":"ace","callid":"822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257",'
            b'"timestamp":"2014-09-24T10:59:41Z","version":1}',
        ),
        "Tg6fMyo8mj9pYfWQ9ssbx3Tc1BNC87IEygAfLbJqZb4=",
    ),
    "the Java SDK's request": Vector(
        "my-key-id",
        b64encode(b"my-key-secret").decode(),
        SignedRequest(
            "POST",
            "/path/pathParamValue",
            "2023-11-22T09:10:11.999Z",
            "application/json; charset=UTF-8",
            b'{"identity":{"type":"number","endpoint":"+33444555666"},"method":"sms"}',
        ),
        "QP3OzQZVzRZAEev6DBLvJkgpiqyZPuXYsc7oyjUV0K8=",
    ),
    "the Java SDK's captured event": Vector(
        "789",
        "9876543210",
        SignedRequest(
            "POST",
            "/VerificationRequestEvent",
            "2023-12-01T15:01:20.0406449Z",
            "application/json; charset=utf-8",
            b'{"id":"018c25e1-7163-5677-b8fb-467d7b1cffa5","event":"VerificationResultEvent","method":"sms",'
            b'"identity":{"verified":false,"type":"number","endpoint":"+33628254417"},"status":"FAIL",'
            b'"reason":"Expired"}',
        ),
        "xfKhO0XvlRNJraahUBEJzzi1f3Fn3pYO41/ZzwOHPaQ=",
    ),
    "a start": _ours(
        "POST",
        "",
        b'{"identity":{"type":"number","endpoint":"+46700000000"},"method":"sms"}',
        "ji7t7et7XXkJaIH8awtu0SoWQSpZK0H6eHWLb3tXvXg=",
    ),
    "a report": _ours(
        "PUT",
        "/number/+46700000000",
        b'{"method":"sms","sms":{"code":"1234"}}',
        "G7ULOokw5/YnW9qrK6ETRG/8sa/PIrfcTV43ZL8yS3o=",
    ),
    "a question": _ours("GET", "/id/1234567890", b"", "iSyP+Z6B9m/GwBe3C5+n3WtLUqiG6xqDtPs0YVatQs8="),
    "a question without a content type": _ours(
        "GET", "/id/1234567890", b"", "b8X9ejDqCcYO2rwaYgdyzv7PVMBYJeMaxs/DvLrF5bM=", content_type=""
    ),
}
CALLBACK = VECTORS["the Java SDK's captured event"]


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_a_worked_example_is_signed_as_printed(vector: Vector) -> None:
    assert sign(vector.request, vector.secret) == vector.signature


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_a_worked_example_verifies(vector: Vector) -> None:
    authorization = f"Application {vector.key}:{vector.signature}"
    assert verify_signature(vector.request, authorization, key=vector.key, secret=vector.secret)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Application",
        "Application 789",
        f"Application 789:{CALLBACK.signature[:-4]}",
        f"Application 788:{CALLBACK.signature}",
        f"Basic 789:{CALLBACK.signature}",
        f"Application 789:{CALLBACK.signature}\udcff",
        f"Application 789:{VECTORS['a start'].signature}",
    ],
)
def test_any_other_header_does_not_verify(authorization: str) -> None:
    assert not verify_signature(CALLBACK.request, authorization, key=CALLBACK.key, secret=CALLBACK.secret)


@pytest.mark.parametrize(
    "forged",
    [
        {"body": CALLBACK.request.body.replace(b"FAIL", b"SUCC")},
        {"body": CALLBACK.request.body + b" "},
        {"path": "/VerificationResultEvent"},
        {"method": "PUT"},
        {"content_type": "application/json"},
        {"timestamp": "2023-12-01T15:01:21.0406449Z"},
    ],
    ids=lambda forged: next(iter(forged)),
)
def test_a_changed_request_does_not_verify(forged: dict[str, object]) -> None:
    request = SignedRequest(**(CALLBACK.request.__dict__ | forged))
    authorization = f"Application {CALLBACK.key}:{CALLBACK.signature}"
    assert not verify_signature(request, authorization, key=CALLBACK.key, secret=CALLBACK.secret)


def test_the_scheme_may_be_in_lower_case() -> None:
    authorization = f"application {CALLBACK.key}:{CALLBACK.signature}"
    assert verify_signature(CALLBACK.request, authorization, key=CALLBACK.key, secret=CALLBACK.secret)


def test_a_path_may_be_signed_decoded() -> None:
    signed = SignedRequest("GET", "/reference/py ref-1", OLD_TIME)
    received = SignedRequest("GET", "/reference/py%20ref-1", OLD_TIME)
    authorization = f"Application {OLD_KEY}:{sign(signed, OLD_SECRET)}"
    assert verify_signature(received, authorization, key=OLD_KEY, secret=OLD_SECRET)


@pytest.mark.parametrize("secret", ["", "not base64!", "A"])
def test_a_secret_that_is_not_base64_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="not base64") as caught:
        decode_secret(secret)
    assert not secret or secret not in str(caught.value).replace("application", "").replace("not base64", "")


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2023-12-01T15:01:20.0406449Z", True),
        ("2023-12-01T15:01:20", True),
        ("2023-12-01T16:01:20+01:00", True),
        ("2023-12-01T15:06:20Z", True),
        ("2023-12-01T15:06:21Z", False),
        ("2023-12-01T14:56:19Z", False),
        ("", False),
        ("yesterday", False),
    ],
)
def test_a_timestamp_is_fresh_for_five_minutes_either_way(timestamp: str, expected: bool) -> None:
    assert is_fresh(timestamp, datetime(2023, 12, 1, 15, 1, 20, tzinfo=UTC)) is expected
