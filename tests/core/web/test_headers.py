"""Headers that every kind of answer carries, and those that only some may."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from otp_service.core.web.api import api as contract
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.core.web.refusals import REFUSALS, Refusal
from tests.factories import code_on_phone, log_in, make_person, new_details, sign_in

pytestmark = pytest.mark.one_database

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


def require_security_headers(response: Any) -> None:
    assert {name: response.headers.getlist(name) for name in SECURITY} == {
        name: [value] for name, value in SECURITY.items()
    }
    assert not {"Server", "X-Powered-By", "Set-Cookie"} & set(response.headers.keys())


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_refusal_is_as_guarded_as_any_answer_and_never_stored(api: Api, refusal: Refusal) -> None:
    response = refusal.provoke(api)
    require_security_headers(response)
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "//health", 200),
        ("HEAD", "//health", 200),
        ("GET", "//ready", 200),
        ("GET", "/openapi.json", 200),
        ("OPTIONS", "/auth/login", 200),
    ],
)
def test_public_answers_are_guarded(api: Api, method: str, path: str, status: int) -> None:
    response = api.send(method, path)
    assert response.status_code == status
    require_security_headers(response)


def explode() -> None:
    """Fail."""
    raise RuntimeError


def test_a_failure_is_guarded(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/fail", view_func=contract(personal=False)(explode))
    response = Api(app).get("//fail")
    assert (response.status_code, response.headers["Cache-Control"]) == (500, "no-store")
    require_security_headers(response)


def test_answers_with_tokens_or_personal_data_are_guarded_and_never_stored(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person = make_person(app)
    login = api.post("/auth/login", person.credentials)
    body = {"challengeToken": login.json["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    verified = api.post("/auth/verify-otp", body)
    other = make_person(app)
    answers = [
        login,
        verified,
        api.post("/auth/register", new_details()),
        api.post("/auth/request-otp", {"email": other.email}),
        api.post("/auth/request-otp", {"email": other.email}),
        api.get("/profile", token=verified.json["token"]),
        api.post("/auth/refresh", {"refreshToken": verified.json["refreshToken"]}),
        api.post("/auth/logout", token=verified.json["token"]),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 201, 200, 429, 200, 200, 204]
    for answer in answers:
        require_security_headers(answer)
        assert answer.headers["Cache-Control"] == "no-store"


def test_204_has_no_body(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    response = api.post("/auth/logout", token=token)
    assert (response.status_code, response.data, "Content-Type" in response.headers) == (204, b"", False)


def hsts(app: Flask, path: str = "//health", **options: Any) -> str | None:
    return Api(app).get(path, **options).headers.get("Strict-Transport-Security")


HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("path", ["//health", "/nope", "/profile"])
def test_behind_tls_every_answer_asks_for_tls(make_app: MakeApp, path: str) -> None:
    app = make_app(TRUSTED_PROXY_COUNT="1")
    assert hsts(app, path, headers=HTTPS) == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("proxies", "headers"),
    [
        ("1", {}),
        ("1", {"X-Forwarded-Proto": "http"}),
        ("1", {"X-Forwarded-Proto": "https, http"}),
        ("1", {"X-Forwarded-Ssl": "on", "Forwarded": "proto=https"}),
        ("0", HTTPS),
    ],
)
def test_without_tls_none_is_asked_for_and_strangers_cannot_claim_it(
    make_app: MakeApp, proxies: str, headers: dict[str, str]
) -> None:
    assert hsts(make_app(TRUSTED_PROXY_COUNT=proxies), headers=headers) is None


def test_tls_on_the_own_socket_counts(app: Flask) -> None:
    assert hsts(app, base_url="https://localhost") is not None


def test_a_login_that_was_refused_says_nothing_of_who_exists(app: Flask, api: Api) -> None:
    known = api.post("/auth/login", {"email": make_person(app).email, "password": "x"})
    unknown = api.post("/auth/login", {"email": "nobody@example.com", "password": "x"})
    differing = {"X-Request-ID"}
    pairs = [{name: value for name, value in answer.headers if name not in differing} for answer in (known, unknown)]
    assert pairs[0] == pairs[1]


def test_a_challenge_names_no_account(app: Flask, api: Api) -> None:
    person = make_person(app)
    assert person.email not in str(log_in(api, person))


Ask = Callable[[Api], Any]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99", "evil.example/x?", "a b", "[::", "", "é"])
@pytest.mark.parametrize(
    "path", ["//health", "//", "/nope", "/auth//login", "/auth/login/", "//health/", "/profile", "/openapi.json"]
)
def test_nothing_in_an_answer_is_built_from_the_host_header(api: Api, host: str, path: str) -> None:
    response = api.get(path, headers={"Host": host})
    assert response.status_code in {200, 401, 404, 405}
    assert "Location" not in response.headers
    assert "evil" not in response.text + str(response.headers)


def test_no_route_invites_a_redirect(app: Flask) -> None:
    rules = [rule.rule for rule in app.url_map.iter_rules()]
    assert [rule for rule in rules if rule.endswith("/") and rule != "/"] == []
    assert app.url_map.merge_slashes is False
