"""A body that is no JSON with one meaning is refused, quickly, and never breaks anything."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.api import Api
from tests.core.web.refusals import JSON

pytestmark = pytest.mark.one_database

LIMIT = 65_536
QUICK_SECONDS = 0.1


NONSENSE = [
    (b"", "The request body is not valid JSON."),
    (b"{", "The request body is not valid JSON."),
    (b"{} {}", "The request body is not valid JSON."),
    (b"{'email': 1}", "The request body is not valid JSON."),
    (b'{"email": 1,}', "The request body is not valid JSON."),
    (b'{"a": NaN}', "The request body is not valid JSON."),
    (b'{"a": Infinity}', "The request body is not valid JSON."),
    (b'{"a": -Infinity}', "The request body is not valid JSON."),
    (b'{"a": "\\ud800"}', "The request body is not valid JSON."),
    (b'{"a": ["\\udfff\\ud800"]}', "The request body is not valid JSON."),
    (b'{"\\ud800": 1}', "The request body is not valid JSON."),
    (b'{"a": "\xff"}', "The request body is not valid JSON."),
    (b'{"a": "\xed\xa0\x80"}', "The request body is not valid JSON."),
    (b'{"a": "\x00"}', "The request body is not valid JSON."),
    (b'{"a": "\n"}', "The request body is not valid JSON."),
    (b"\xef\xbb\xbf{}", "The request body is not valid JSON."),
    ('{"a": 1}'.encode("utf-16"), "The request body is not valid JSON."),
    (b'{"a": ' + b"9" * 60_000 + b"}", "The request body is not valid JSON."),
    (b"[" * 65_000, "The request body is not valid JSON."),
    (b'{"a":' * 13_000, "The request body is not valid JSON."),
    (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "The request body is not valid JSON."),
    (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "The request body is nested too deeply."),
    (b" " * 65_000, "The request body is not valid JSON."),
    (b'{"a": "\\u0000"}', "The request body contains a NUL character."),
    (b'{"a\\u0000": 1}', "The request body contains a NUL character."),
    (b'{"a": [{"b": "c\\u0000"}]}', "The request body contains a NUL character."),
    (b'{"email": "a@example.com", "email": "b@example.com"}', "The request body names a field twice."),
    (b'{"a": {"b": 1, "\\u0062": 2}}', "The request body names a field twice."),
    (b"[]", "The request body must be a JSON object."),
    (b'"text"', "The request body must be a JSON object."),
    (b"null", "The request body must be a JSON object."),
    (b"7", "The request body must be a JSON object."),
]
"""What is no JSON object with one meaning, and what is said of it."""

MISSHAPEN = [
    b'{"email": 1e999, "password": -0.0}',
    b'{"email": ' + b"9" * 4_000 + b', "password": 1}',
    b'{"email": {"a": 1}, "password": ["x"]}',
    b'{"__proto__": {}, "constructor": 1, "": 2}',
    b'{"email": "' + b"a" * 60_000 + b'@example.com", "password": "x"}',
    b'{"email": "a@' + b"a." * 30_000 + b'com", "password": "x"}',
    b'{"phoneNumber": "' + b" " * 60_000 + b'"}',
    b'{"phoneNumber": "+' + b"1" * 60_000 + b'"}',
    b"{" + b",".join(b'"%d": 1' % number for number in range(500)) + b"}",
    b'{"email": [' + b"[]," * 20_000 + b"[]]}",
    json.dumps({"email": "\u202e\U0001f600", "password": "\u0301" * 5_000}).encode(),
]
"""JSON objects that no route asks for."""


def post(api: Api, data: bytes, content_type: str | None = JSON, path: str = "/auth/login") -> Any:
    return api.send("POST", path, data=data, content_type=content_type)


@pytest.mark.parametrize(
    ("data", "message"), NONSENSE, ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None
)
def test_what_is_no_plain_json_object_is_400_and_told_why(api: Api, data: bytes, message: str) -> None:
    response = post(api, data)
    assert (response.status_code, response.json["code"]) == (400, "malformed_json")
    assert response.json["message"] == message


@pytest.mark.parametrize("data", MISSHAPEN, ids=lambda data: repr(data[:24]))
@pytest.mark.parametrize("path", ["/auth/login", "/auth/register", "/auth/request-otp", "/auth/verify-otp"])
def test_json_of_the_wrong_shape_is_400_and_names_fields(api: Api, path: str, data: bytes) -> None:
    response = post(api, data, path=path)
    assert (response.status_code, response.json["code"]) == (400, "validation_failed")
    assert response.json["errors"]


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/plain; x=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/vnd.api+json",
        "application/jsonx",
        "application/json, text/plain",
        ";;==",
    ],
)
def test_another_content_type_is_415(api: Api, content_type: str | None) -> None:
    response = post(api, b'{"email": "a@example.com", "password": "x"}', content_type)
    assert (response.status_code, response.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;"])
def test_json_may_be_named_in_any_usual_spelling(api: Api, content_type: str) -> None:
    assert post(api, b'{"email": "nobody@example.com", "password": "x"}', content_type).status_code == 401


def test_a_form_cannot_reach_a_route(api: Api) -> None:
    response = api.send("POST", "/auth/login", data={"email": "a@example.com", "password": "x"})
    assert response.status_code == 415


@pytest.mark.parametrize(("length", "status"), [(LIMIT, 401), (LIMIT + 1, 413), (2_000_000, 413)])
def test_64_kib_is_taken_and_more_is_413(api: Api, length: int, status: int) -> None:
    body = b'{"email": "nobody@example.com", "password": "x"}'
    response = post(api, body + b" " * (length - len(body)))
    assert response.status_code == status


def test_a_length_that_is_only_claimed_is_refused_before_anything_is_read(api: Api) -> None:
    response = api.send("POST", "/auth/login", content_type=JSON, environ_overrides={"CONTENT_LENGTH": "9" * 12})
    assert response.status_code == 413


def test_a_body_that_nobody_asked_for_is_not_read(api: Api) -> None:
    response = api.send("GET", "/profile", data=b"{" * LIMIT * 2)
    assert response.status_code == 401


@pytest.mark.timing
@pytest.mark.parametrize(
    "data", [*(data for data, _ in NONSENSE), *MISSHAPEN, b" " * 2_000_000], ids=lambda data: repr(data[:24])
)
def test_no_body_costs_much(api: Api, data: bytes) -> None:
    post(api, b"{}")

    fastest = min(processor_seconds(lambda: post(api, data)) for _ in range(3))

    assert fastest < QUICK_SECONDS


def processor_seconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started
