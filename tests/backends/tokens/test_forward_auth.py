"""`GET /forward-auth`: a proxy asks whether a request may reach the service behind it."""

from typing import Any

import pytest
from flask import Flask

from otp_service.audit import COMMAND_LINE
from otp_service.sessions import end
from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.backends.tokens.bearers import bearer_of, make_bearer
from tests.conftest import MakeApp, Time
from tests.factories import code_on_phone, make_person
from tests.round_trips import listening
from tests.sessions.forging import Forge

pytestmark = pytest.mark.one_database

PATH = "//forward-auth"
LIMITED = {"RATE_LIMITS_ENABLED": "true", "RATE_LIMIT_MAX_REQUESTS": "2"}


def challenge(answer: Answer) -> str:
    assert answer.status_code == 401
    return str(answer.headers["WWW-Authenticate"])


def identity(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("X-Auth-")}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_good_token_gets_the_identity_in_headers_and_no_body(app: Flask, api: Api, method: str) -> None:
    bearer = make_bearer(app)

    answer = api.send(method, PATH, token=bearer.token)

    assert (answer.status_code, answer.data) == (200, b"")
    assert "Content-Type" not in answer.headers
    assert identity(answer) == {
        "X-Auth-User-Id": bearer.user_id,
        "X-Auth-Session-Id": bearer.session_id,
        "X-Auth-Acr": "aal2",
        "X-Auth-Amr": "pwd,sms",
    }


@pytest.mark.parametrize("query", ["", "?acr=aal2", "?acr=nonsense"])
def test_no_cache_keeps_a_decision(app: Flask, api: Api, query: str) -> None:
    for token in (None, make_bearer(app, acr="aal1").token):
        assert api.get(f"{PATH}{query}", token=token).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", "Bearer ", "Basic b3Rwa19hOg==", "Bearer otpk_a_b", "Bearer rt_abc", "Token x", "Bearer a.b.c",
])  # fmt: skip
def test_what_is_no_access_token_is_401(api: Api, method: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = api.send(method, PATH, headers=headers)

    assert challenge(answer).startswith('Bearer realm="otp_service"')
    assert identity(answer) == {}


def test_two_tokens_are_none(app: Flask, api: Api) -> None:
    # As a WSGI server hands over two headers of one name (RFC 9110, section 5.3).
    both = ",".join(f"Bearer {make_bearer(app).token}" for _ in range(2))

    assert "invalid_token" in challenge(api.get(PATH, headers={"Authorization": both}))


def test_a_preflight_is_no_decision(api: Api) -> None:
    asking = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}

    assert api.send("OPTIONS", PATH, headers=asking).status_code == 401


def test_an_ended_session_is_401_at_once(app: Flask, api: Api) -> None:
    bearer = make_bearer(app)
    assert api.get(PATH, token=bearer.token).status_code == 200

    with app.app_context():
        end(bearer.caller.session_id, user_id=bearer.caller.user_id, client=COMMAND_LINE)

    assert 'error="invalid_token"' in challenge(api.get(PATH, token=bearer.token))


@pytest.mark.parametrize(("query", "wanted"), [
    ("acr=aal2", 'acr_values="aal2"'),
    ("acr=aal2&maxAge=600", 'acr_values="aal2", max_age="600"'),
])  # fmt: skip
def test_a_sign_in_that_is_too_weak_is_asked_for_a_stronger_one(app: Flask, api: Api, query: str, wanted: str) -> None:
    bearer = make_bearer(app, acr="aal1")

    answer = api.get(f"{PATH}?{query}", token=bearer.token)

    assert challenge(answer) == (
        'Bearer realm="otp_service", error="insufficient_user_authentication", '
        f'error_description="A stronger or a more recent sign-in is required", {wanted}'
    )
    assert answer.json["code"] == "insufficient_user_authentication"
    assert identity(answer) == {}


def test_a_sign_in_may_be_as_old_as_max_age_and_no_older(app: Flask, api: Api) -> None:
    token = make_bearer(app, signed_in_seconds_ago=500).token

    assert api.get(f"{PATH}?maxAge=560", token=token).status_code == 200
    assert challenge(api.get(f"{PATH}?maxAge=500", token=token)).endswith('required", max_age="500"')


def test_a_step_up_earns_the_token_that_passes(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    token = bearer_of(app, person, acr="aal1", signed_in_seconds_ago=0).token
    path = f"{PATH}?acr=aal2&maxAge=600"
    assert 'acr_values="aal2"' in challenge(api.get(path, token=token))

    api.post("/auth/step-up/request", {"channel": "sms"}, token=token)
    proof = {"password": person.password, "method": "sms", "code": code_on_phone(sinch, person)}
    stronger = api.post("/auth/step-up", proof, token=token).json["token"]

    assert [api.get(path, token=one).status_code for one in (token, stronger)] == [401, 200]


@pytest.mark.parametrize(("acr", "asked", "status"), [
    ("aal1", "aal1", 200), ("aal2", "aal1", 200), ("aal2", "aal2", 200), ("aal1", "aal2", 401),
])  # fmt: skip
def test_a_stronger_sign_in_serves_for_a_weaker_level(app: Flask, api: Api, acr: str, asked: str, status: int) -> None:
    assert api.get(f"{PATH}?acr={asked}", token=make_bearer(app, acr=acr).token).status_code == status


@pytest.mark.parametrize("query", [
    "acr=aal3", "acr=", "acr=AAL2", "acr=aal1&acr=aal2", "acr=aal1%20aal2", "maxAge=", "maxAge=0", "maxAge=-1",
    "maxAge=1.5", "maxAge=%EF%BC%91", "maxAge=1_0", "maxAge=+1", "maxAge=9999999999", "maxage=600", "max_age=600",
    "maxAge=600&maxAge=1", "token=x", "maxAgeSeconds=1", "max_age_seconds=1",
])  # fmt: skip
def test_a_requirement_that_is_not_understood_lets_no_one_pass(app: Flask, api: Api, query: str) -> None:
    for token in (None, make_bearer(app).token):
        answer = api.get(f"{PATH}?{query}", token=token)
        assert (answer.status_code, answer.json["code"]) == (400, "validation_failed")


def test_the_query_of_the_page_is_no_requirement_and_the_response_says_how_to_leave_it_out(api: Api) -> None:
    fault = api.get(f"{PATH}?page=2").json["errors"][0]

    assert (fault["field"], "In Caddy, end the uri of forward_auth with a question mark" in fault["message"]) == (
        "page",
        True,
    )


def test_requests_of_a_proxy_have_no_limit_in_common(app: Flask, make_app: MakeApp) -> None:
    limited = Api(make_app(**LIMITED))
    token = make_bearer(app).token

    assert {limited.get(PATH, token=token).status_code for _ in range(5)} == {200}
    assert {limited.get(PATH).status_code for _ in range(5)} == {401}
    assert [limited.get("/profile").status_code for _ in range(3)] == [401, 401, 429]


def test_a_decision_costs_one_statement_and_a_bad_token_none(app: Flask, api: Api) -> None:
    token = make_bearer(app).token

    with listening(app) as good:
        api.get(f"{PATH}?acr=aal2&maxAge=600", token=token)
    with listening(app) as bad:
        api.get(PATH, token=f"{token}x")

    assert (len(good.statements), len(bad.statements)) == (1, 0)


@pytest.mark.parametrize("claims", [
    {"acr": "aal2\r\nX-Auth-User-Id: 1"}, {"acr": "aal2, aal3"}, {"acr": ["aal2"]},
    {"amr": ["pwd\r\nX-Auth-Acr: aal2"]}, {"amr": ["pwd,sms"]}, {"amr": [""]}, {"amr": [7]},
    {"sid": "a\r\nb: c"}, {"sub": "1\r\nb: c"},
])  # fmt: skip
def test_no_claim_makes_a_header_of_its_own(app: Flask, api: Api, claims: dict[str, Any]) -> None:
    forge = Forge.from_token(app, make_bearer(app).token)

    assert api.get(PATH, token=forge.sign()).status_code == 200
    assert 'error="invalid_token"' in challenge(api.get(PATH, token=forge.sign(claims=claims)))


def test_a_token_in_the_address_or_a_cookie_is_ignored(app: Flask, api: Api) -> None:
    token = make_bearer(app).token

    answer = api.get(PATH, headers={"Cookie": f"access_token={token}", "X-Auth-User-Id": "1"})

    assert answer.json["code"] == "access_token_required"


def test_a_body_is_not_read(app: Flask, api: Api) -> None:
    answer = api.get(PATH, token=make_bearer(app).token, data=b"{" * 100_000, content_type="application/json")

    assert answer.status_code == 200


def test_an_expired_token_is_401(app: Flask, api: Api, time: Time) -> None:
    token = make_bearer(app).token

    time.advance(900)

    assert 'error="invalid_token"' in challenge(api.get(PATH, token=token))
