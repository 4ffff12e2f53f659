"""POST /webhooks/sinch/verification: who is believed, and how often."""

import json
import uuid
from typing import Any

import pytest

from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.parallel import at_once
from tests.webhooks.letters import PATH, TYPE, headers_of, in_seconds, post, tell

pytestmark = pytest.mark.one_database

QUESTION = {
    "id": "0190f7c2-1d2e-7a3b-8c4d-5e6f70819203",
    "event": "VerificationRequestEvent",
    "method": "sms",
    "identity": {"type": "number", "endpoint": "+12025550134"},
}
BODY = json.dumps(QUESTION).encode()
OTHER_SECRET = "BeIukql3pTKJ8RGL5zo0DA=="


def question(**changes: Any) -> dict[str, Any]:
    """A question that nobody has asked before."""
    return {**QUESTION, "custom": str(uuid.uuid4()), **changes}


def is_refused(response: Any) -> bool:
    return (response.status_code, response.json.get("code")) == (401, "event_not_accepted")


def test_a_signed_question_about_nothing_of_ours_is_denied(api: Api) -> None:
    response = tell(api, question())
    assert (response.status_code, response.json) == (200, {"action": "deny"})
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "changes",
    [
        {"Authorization": ""},
        {"Authorization": "Application"},
        {"Authorization": "Application 669E367E-6BBA-48AB-AF15-266871C28135"},
        {"Authorization": "Basic c2lubmF0Og=="},
        {"Authorization": "Bearer nothing"},
        {"Authorization": "Application ключ:подпись".encode().decode("latin-1")},
        {"x-timestamp": ""},
        {"x-timestamp": "yesterday"},
        {"x-timestamp": "2014-06-04T13:41:58Z"},
        {"Content-Type": "application/json"},
    ],
)
def test_what_is_not_signed_for_us_is_refused(api: Api, changes: dict[str, str]) -> None:
    response = post(api, BODY, {**headers_of(BODY), **changes})
    assert is_refused(response)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "options",
    [
        {"secret": OTHER_SECRET},
        {"key": "669E367E-6BBA-48AB-AF15-266871C28135"},
        {"path": "/webhooks/sinch"},
        {"path": f"/other{PATH}"},
    ],
)
def test_what_is_signed_by_another_or_for_another_address_is_refused(api: Api, options: dict[str, str]) -> None:
    assert is_refused(tell(api, question(), **options))


def test_one_byte_changed_is_refused(api: Api) -> None:
    headers = headers_of(BODY)
    assert is_refused(post(api, BODY.replace(b"+12025550134", b"+12025550135"), headers))
    assert post(api, BODY, headers).status_code == 200


@pytest.mark.parametrize(("seconds", "is_fresh"), [(-290, True), (290, True), (-301, False), (301, False)])
def test_five_minutes_of_clock_are_allowed_either_way(api: Api, seconds: int, is_fresh: bool) -> None:
    response = tell(api, question(), at=in_seconds(seconds))
    assert response.status_code == 200 if is_fresh else is_refused(response)


@pytest.mark.parametrize("seconds", [0, -200, 290])
def test_an_event_is_taken_once_for_as_long_as_it_is_fresh(api: Api, time: Time, seconds: int) -> None:
    body = json.dumps(question()).encode()
    headers = headers_of(body, at=in_seconds(seconds))
    assert post(api, body, headers).status_code == 200
    for _ in range(5):
        assert is_refused(post(api, body, headers))
        time.advance(120)


def test_another_spelling_of_the_same_signature_is_the_same_event(api: Api) -> None:
    body = json.dumps(question()).encode()
    headers = headers_of(body)
    assert post(api, body, headers).status_code == 200
    spelled = headers["Authorization"].replace("Application ", "application   ")
    assert is_refused(post(api, body, {**headers, "Authorization": spelled}))


def test_of_20_copies_at_once_one_is_taken(api: Api) -> None:
    body = json.dumps(question()).encode()
    headers = headers_of(body)
    assert sorted(at_once(20, lambda _: post(api, body, headers).status_code)) == [200] + [401] * 19


def test_the_same_news_signed_anew_is_another_event(api: Api, time: Time) -> None:
    event = question()
    assert tell(api, event).status_code == 200
    time.advance(1)
    assert tell(api, event).status_code == 200


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"event": 7},
        {"event": "VerificationBirthdayEvent"},
        {"event": "VerificationResultEvent"},
        {"event": "VerificationResultEvent", "status": "SPLENDID", "reference": str(uuid.uuid4())},
        {"event": "VerificationResultEvent", "status": "SUCCESSFUL", "reference": str(uuid.uuid4())},
        {"event": "VerificationResultEvent", "status": "FAIL", "reference": ["a"], "identity": [], "method": {}},
        {"event": "VerificationSmsDeliveredEvent", "smsResult": None},
        {"event": "VerificationSmsDeliveredEvent", "smsResult": "Successful", "reference": "nonsense"},
    ],
)
def test_signed_but_meaningless_events_are_answered_empty(api: Api, event: dict[str, Any]) -> None:
    response = tell(api, {**event, "custom": str(uuid.uuid4())})
    assert (response.status_code, response.data) == (200, b"")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a": 1, "a": 2}', b'{"price": NaN}', b"\xff"])
def test_signed_bodies_that_are_no_json_object_are_400(api: Api, body: bytes) -> None:
    response = post(api, body, headers_of(body))
    assert (response.status_code, response.json["code"]) == (400, "malformed_json")


def test_a_body_over_64_kib_is_413(api: Api) -> None:
    body = b"{" + b" " * 65_536 + b"}"
    assert post(api, body, headers_of(body)).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_another_type_of_content_is_415(api: Api, kind: str) -> None:
    assert post(api, BODY, headers_of(BODY, kind=kind)).status_code == 415


def test_sinch_is_not_throttled_but_strangers_are(make_app: MakeApp) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MAX_REQUESTS="3", RATE_LIMIT_WINDOW_MS="60000"))
    assert [tell(api, question()).status_code for _ in range(10)] == [200] * 10
    refused = [post(api, BODY, {"Content-Type": TYPE}) for _ in range(5)]
    assert [response.status_code for response in refused] == [401, 401, 401, 429, 429]
    assert 1 <= int(refused[-1].headers["Retry-After"]) == refused[-1].json["retryAfter"] <= 61
    assert api.get("/profile").status_code == 429, "what was refused counts as any other request"
    assert tell(api, question()).status_code == 200


@pytest.mark.parametrize("arrives_at", [PATH, f"/otp{PATH}"], ids=["a proxy strips the path", "a proxy keeps the path"])
def test_under_a_public_path_an_event_is_signed_for_that_path(make_app: MakeApp, arrives_at: str) -> None:
    api = Api(make_app(PUBLIC_URL="https://id.example.com/otp"))
    body = json.dumps(question()).encode()

    of_the_root = api.send("POST", f"/{arrives_at}", data=body, headers=headers_of(body))
    of_the_path = api.send("POST", f"/{arrives_at}", data=body, headers=headers_of(body, path=f"/otp{PATH}"))

    assert is_refused(of_the_root)
    assert (of_the_path.status_code, of_the_path.json) == (200, {"action": "deny"})
