"""Pages of the origins in FRONTEND_URL may read answers, those of no other; nothing is reflected."""

from typing import Any

import pytest
from flask import Flask

from tests.api import Api
from tests.conftest import MakeApp
from tests.core.web.refusals import REFUSALS, Refusal
from tests.round_trips import listening

pytestmark = pytest.mark.one_database

ORIGINS = ("https://app.example.com", "http://[::1]:3000")
STRANGERS = (
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://appXexample.com",
    "https://evil.example?https://app.example.com",
    "https://sub.app.example.com",
    "http://:3000",
    "null",
    "*",
    "",
)
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Authorization, X-Evil"}


@pytest.fixture
def front(make_app: MakeApp) -> Api:
    """A service with two pages."""
    return Api(make_app(FRONTEND_URL=", ".join(ORIGINS)))


def cors(response: Any) -> dict[str, list[str]]:
    names = {name for name in response.headers.keys() if name.startswith("Access-Control-")}  # noqa: SIM118
    return {name: response.headers.getlist(name) for name in names}


@pytest.mark.parametrize("origin", ORIGINS)
def test_an_allowed_page_may_read_answers_and_their_headers(front: Api, origin: str) -> None:
    response = front.get("/openapi.json", headers={"Origin": origin})
    assert response.headers.getlist("Access-Control-Allow-Origin") == [origin]
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"X-Request-ID", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} == exposed
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("refusal", [r for r in REFUSALS if not r.path.startswith("//")], ids=lambda r: r.name)
def test_an_allowed_page_may_read_refusals(front: Api, refusal: Refusal) -> None:
    response = refusal.provoke(front, Origin=ORIGINS[0])
    assert response.headers["Access-Control-Allow-Origin"] == ORIGINS[0]


def test_an_allowed_page_learns_before_it_asks_what_it_may_send(front: Api) -> None:
    response = front.send("OPTIONS", "/auth/login", headers={"Origin": ORIGINS[0], **PREFLIGHT})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGINS[0]
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "Authorization"
    assert response.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_another_page_gets_no_leave(front: Api, method: str, origin: str) -> None:
    response = front.send(method, "/auth/login", headers={"Origin": origin, **PREFLIGHT})
    assert cors(response) == {}
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/auth/login", "/nope", "/sessions/nope", "/auth/login/", "/"])
def test_a_preflight_succeeds_on_every_path(front: Api, path: str) -> None:
    response = front.send("OPTIONS", path, headers={"Origin": ORIGINS[0], **PREFLIGHT})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGINS[0]
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.data == b""


@pytest.mark.parametrize("origin", [ORIGINS[0], "https://evil.example"])
@pytest.mark.parametrize("path", ["/auth/register", "/profile", "/nope"])
def test_preflights_are_never_counted(make_app: MakeApp, path: str, origin: str) -> None:
    limits = {"RATE_LIMITS_ENABLED": "true", "RATE_LIMIT_MAX_REQUESTS": "2", "RATE_LIMIT_REGISTER_PER_HOUR": "1"}
    front = Api(make_app(FRONTEND_URL=ORIGINS[0], **limits))

    statuses = {front.send("OPTIONS", path, headers={"Origin": origin, **PREFLIGHT}).status_code for _ in range(7)}

    assert statuses == {200}
    assert [front.get("/profile").status_code for _ in range(3)] == [401, 401, 429]
    assert front.send("OPTIONS", path, headers={"Origin": origin, **PREFLIGHT}).status_code == 200


def test_what_is_no_preflight_is_counted(make_app: MakeApp) -> None:
    api = Api(make_app(FRONTEND_URL=ORIGINS[0], RATE_LIMITS_ENABLED="true", RATE_LIMIT_MAX_REQUESTS="2"))

    assert [api.send("OPTIONS", "/auth/login").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("frontend", ["", ORIGINS[0]])
@pytest.mark.parametrize("origin", [*ORIGINS, "https://any.example", "null"])
def test_pages_of_every_origin_may_read_the_public_keys(make_app: MakeApp, frontend: str, origin: str) -> None:
    api = Api(make_app(FRONTEND_URL=frontend))

    read = api.get("//.well-known/jwks.json", headers={"Origin": origin})
    asked = api.send("OPTIONS", "//.well-known/jwks.json", headers={"Origin": origin, **PREFLIGHT})

    assert (read.status_code, asked.status_code) == (200, 200)
    assert read.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert asked.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert "Access-Control-Allow-Credentials" not in read.headers
    assert api.get("//.well-known/jwks.json").headers["Access-Control-Allow-Origin"] == "*"


def test_who_is_no_page_is_told_nothing_of_pages(front: Api) -> None:
    response = front.get("/openapi.json")
    assert cors(response) == {}
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["//health", "//ready", "//nope"])
def test_pages_have_no_business_outside_the_api(front: Api, path: str) -> None:
    assert cors(front.get(path, headers={"Origin": ORIGINS[0]})) == {}


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_without_the_setting_no_page_gets_leave(app: Flask, api: Api, method: str) -> None:
    response = api.send(method, "/auth/login", headers={"Origin": ORIGINS[0], **PREFLIGHT})
    assert cors(response) == {}


# FRONTEND_CREDENTIALS


FOR_COOKIES = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "Content-Type, X-CSRF-Token, X-Token-Transport",
}


@pytest.fixture
def with_cookies(make_app: MakeApp) -> Api:
    """A service whose pages may send cookies."""
    return Api(make_app(FRONTEND_URL=", ".join(ORIGINS), FRONTEND_CREDENTIALS="true"))


def test_a_page_may_send_cookies_where_the_operator_says_so(with_cookies: Api) -> None:
    asked = with_cookies.send("OPTIONS", "/auth/refresh", headers={"Origin": ORIGINS[0], **FOR_COOKIES})
    sent = with_cookies.post("/auth/refresh", {}, headers={"Origin": ORIGINS[0]})

    assert asked.headers["Access-Control-Allow-Headers"] == "Content-Type, X-CSRF-Token, X-Token-Transport"
    assert [one.headers.getlist("Access-Control-Allow-Credentials") for one in (asked, sent)] == [["true"]] * 2
    assert [one.headers.getlist("Access-Control-Allow-Origin") for one in (asked, sent)] == [[ORIGINS[0]]] * 2
    assert sent.headers["Vary"] == "Origin"


def test_without_the_setting_a_page_may_not_ask_for_cookies(front: Api) -> None:
    asked = front.send("OPTIONS", "/auth/refresh", headers={"Origin": ORIGINS[0], **FOR_COOKIES})

    assert asked.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Credentials" not in asked.headers


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_another_page_may_send_no_cookies(with_cookies: Api, method: str, origin: str) -> None:
    assert cors(with_cookies.send(method, "/auth/refresh", headers={"Origin": origin, **FOR_COOKIES})) == {}


def test_the_documents_for_every_origin_take_no_cookies(with_cookies: Api) -> None:
    read = with_cookies.get("//.well-known/jwks.json", headers={"Origin": ORIGINS[0]})

    assert cors(read)["Access-Control-Allow-Origin"] == ["*"]
    assert "Access-Control-Allow-Credentials" not in read.headers


def test_a_preflight_asks_no_database(with_cookies: Api) -> None:
    with listening(with_cookies.app) as asked:
        statuses = {
            with_cookies.send(
                "OPTIONS", path, headers={"Origin": ORIGINS[0], "Cookie": "a=b", **FOR_COOKIES}
            ).status_code
            for path in ("/auth/refresh", "/profile", "/nope")
        }

    assert (statuses, asked.statements) == ({200}, [])
