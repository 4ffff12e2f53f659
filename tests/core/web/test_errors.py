"""Every refusal says the same things, in the format that the client asks for."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.api import Api
from tests.core.web.refusals import PROBLEM, REFUSALS, Refusal
from tests.factories import make_person

pytestmark = pytest.mark.one_database

every_refusal = pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)


@every_refusal
def test_a_refusal_is_the_services_own_json(api: Api, refusal: Refusal) -> None:
    response = refusal.provoke(api)
    body = dict(response.json or {})
    body.pop("errors", None)
    assert response.content_type == "application/json"
    assert body == {
        "status": "error",
        "statusCode": refusal.status,
        "code": refusal.code,
        "message": refusal.message,
        "requestId": response.headers["X-Request-ID"],
    }
    assert response.status_code == refusal.status


@every_refusal
def test_a_refusal_tells_the_same_as_problem_details(api: Api, refusal: Refusal) -> None:
    plain = dict(refusal.provoke(api).json or {})
    response = refusal.provoke(api, Accept=PROBLEM)
    problem = dict(response.json or {})
    assert (response.status_code, response.content_type) == (refusal.status, PROBLEM)
    assert (problem["status"], problem["detail"], problem["code"]) == (refusal.status, refusal.message, refusal.code)
    assert problem["type"] == f"urn:otp-service:problem:{refusal.code}"
    assert problem["instance"] == f"urn:otp-service:request:{problem['requestId']}"
    assert problem["title"]
    assert problem.get("errors") == plain.get("errors")


@pytest.mark.parametrize(
    ("accept", "wants_problem"),
    [
        (PROBLEM, True),
        (f"{PROBLEM}; charset=utf-8", True),
        ("APPLICATION/PROBLEM+JSON", True),
        (f"text/html, {PROBLEM};q=0.9, */*;q=0.1", True),
        (f"application/json, {PROBLEM}", True),
        (f"application/json;q=0.5, {PROBLEM};q=0.6", True),
        (f"application/json, {PROBLEM};q=0.5", False),
        (f"{PROBLEM};q=0", False),
        ("application/json", False),
        ("application/problem+json-seq", False),
        ("application/*", False),
        ("*/*", False),
        ("", False),
        (",;=\"", False),
        ("a" * 4_000, False),
    ],
)  # fmt: skip
def test_problem_details_go_to_those_who_name_them_and_like_json_no_better(
    api: Api, accept: str, wants_problem: bool
) -> None:
    response = api.get("/profile", headers={"Accept": accept})
    assert response.status_code == 401
    assert response.content_type == (PROBLEM if wants_problem else "application/json")


@pytest.mark.parametrize("accept", ["application/json", PROBLEM])
def test_a_validation_error_names_each_field_and_what_is_wrong_with_it(api: Api, accept: str) -> None:
    response = api.post("/auth/login", {"email": "nobody", "password": 7, "a": 1}, headers={"Accept": accept})
    assert response.json["errors"] == [
        {"field": "email", "message": "Provide a valid email address."},
        {"field": "password", "message": "Provide your password."},
        {"field": "a", "message": "This field is not known here."},
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nope",
        "/auth",
        "/auth/",
        "/auth/login/",
        "/auth//login",
        "/AUTH/LOGIN",
        "/auth/login%2F",
        "/%00",
        "/%ff",
        "/..",
        "//health/",
        "//favicon.ico",
        "//api/v2/auth/login",
        "//api/v1",
        "//api/v1x/auth/login",
        "///api/v1/auth/login",
    ],
)
def test_what_is_no_route_is_404(api: Api, path: str) -> None:
    response = api.send("GET", path)
    assert (response.status_code, response.json["code"]) == (404, "endpoint_not_found")
    assert response.json["message"] == "API endpoint not found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/auth/login", "OPTIONS, POST"),
        ("DELETE", "/profile", "GET, HEAD, OPTIONS, PATCH"),
        ("TRACE", "//health", "GET, HEAD, OPTIONS"),
        ("POST", "//health", "GET, HEAD, OPTIONS"),
        ("BREW", "/auth/register", "OPTIONS, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(api: Api, method: str, path: str, allowed: str) -> None:
    response = api.send(method, path)
    assert (response.status_code, response.json["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == allowed


def challenge(api: Api, **headers: str) -> tuple[int, str, dict[str, Any]]:
    response = api.get("/profile", headers=headers)
    return response.status_code, response.headers["WWW-Authenticate"], dict(response.json or {})


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}])
def test_without_a_token_the_challenge_names_the_scheme_alone(api: Api, headers: dict[str, str]) -> None:
    status, header, body = challenge(api, **headers)
    assert (status, header) == (401, 'Bearer realm="otp_service"')
    assert body["message"] == "Access token required."


@pytest.mark.parametrize("token", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", '"', "x" * 5_000])
def test_a_bad_token_is_called_invalid_and_nothing_more(api: Api, token: str) -> None:
    status, header, body = challenge(api, Authorization=f"Bearer {token}")
    assert status == 401
    assert re.fullmatch(r'Bearer realm="otp_service", error="invalid_token", error_description="[A-Za-z .]+"', header)
    assert (body["code"], body["message"]) == ("invalid_token", "Invalid or expired token.")


def test_every_401_carries_a_challenge(app: Flask, api: Api) -> None:
    person = make_person(app)
    answers = [
        api.post("/auth/login", {**person.credentials, "password": "Wrong-Horse-7"}),
        api.post("/auth/verify-otp", {"email": person.email, "otpCode": "0000"}),
        api.post("/auth/refresh", {"refreshToken": "rt_nonsense"}),
        api.post("/auth/logout", token="nonsense"),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert all(answer.headers["WWW-Authenticate"].startswith("Bearer ") for answer in answers)


def test_429_says_when_to_come_back_in_header_and_body(app: Flask, api: Api) -> None:
    person = make_person(app)
    api.post("/auth/request-otp", {"email": person.email})
    for accept in ("application/json", PROBLEM):
        response = api.post("/auth/request-otp", {"email": person.email}, headers={"Accept": accept})
        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) == response.json["retryAfter"] >= 1
