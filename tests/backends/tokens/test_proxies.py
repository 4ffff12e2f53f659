"""The configurations of deploy/forward-auth, in the real proxies."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from flask import Flask

from otp_service import sessions
from otp_service.audit import COMMAND_LINE
from otp_service.backends.tokens.forward_auth import IDENTITY
from tests.backends.tokens.bearers import make_bearer
from tests.conftest import Time
from tests.servers import free_port
from tests.servers.proxies import INSTALLED, Nginx, Proxy
from tests.serving import serving, serving_app

pytestmark = pytest.mark.one_database

CONFIGURATIONS = Path(__file__).resolve().parents[3] / "deploy" / "forward-auth"
OF_OTP_SERVICE, OF_SERVICE, OF_PROXY = "127.0.0.1:8000", "127.0.0.1:9000", "127.0.0.1:8080"
"""The addresses in the configurations."""


class Echo(BaseHTTPRequestHandler):
    """The protected service: it responds with the request as it came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond to GET."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = {"method": self.command, "path": self.path, "headers": self.headers.items(), "body": body.decode()}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET  # noqa: N815 - how the library wants it

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@dataclass
class Site:
    """The address of the proxy."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, token: str | None = None, **headers: str) -> requests.Response:
        """GET through the proxy."""
        return self.send("GET", path, token, headers)

    def status_of(self, path: str, token: str) -> int:
        """GET a path that is sent as it is: other clients would clean it."""
        connection = HTTPConnection(self.url.removeprefix("http://"), timeout=60)
        with closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status

    def send(
        self, method: str, path: str, token: str | None, headers: dict[str, str], body: str | None = None
    ) -> requests.Response:
        """Send a request through the proxy."""
        given = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.session.request(method, f"{self.url}{path}", headers={**headers, **given}, data=body, timeout=60)


@pytest.fixture(scope="module")
def otp_service(session_app: Flask) -> Iterator[str]:
    """The service on a socket."""
    with serving_app(session_app) as address:
        yield address


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The protected service."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Echo)) as address:
        yield address


def configuration(kind: type[Proxy], addresses: dict[str, str]) -> str:
    text = (CONFIGURATIONS / ("nginx.conf" if kind is Nginx else "Caddyfile")).read_text(encoding="utf-8")
    for written, address in addresses.items():
        assert written in text
        text = text.replace(written, address)
    return text


@contextmanager
def proxied(kind: type[Proxy], *, otp_service: str, service: str) -> Iterator[Site]:
    port = free_port()
    addresses = {OF_OTP_SERVICE: otp_service, OF_SERVICE: service, OF_PROXY: f"127.0.0.1:{port}"}
    with kind(configuration(kind, addresses), port=port):
        yield Site(f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module", params=INSTALLED, ids=lambda kind: kind.program)
def site(request: pytest.FixtureRequest, otp_service: str, service: str) -> Iterator[Site]:
    """Each proxy in turn, in front of the protected service."""
    with proxied(request.param, otp_service=otp_service, service=service) as found:
        yield found


def test_a_valid_token_passes_with_the_identity_of_its_user_and_the_request_as_it_was(app: Flask, site: Site) -> None:
    bearer = make_bearer(app)

    seen = site.send("POST", "/orders?page=2", bearer.token, {"Cookie": "theme=dark"}, "a=b" * 1_000).json()

    headers = dict(seen["headers"])
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/orders?page=2", "a=b" * 1_000)
    assert [headers[name] for name in IDENTITY] == [bearer.user_id, bearer.session_id, "aal2", "pwd,sms"]
    assert headers["Cookie"] == "theme=dark"


def test_a_forged_identity_does_not_arrive(app: Flask, site: Site) -> None:
    bearer = make_bearer(app, acr="aal1")
    forged = {"X-Auth-User-Id": "1", "x-auth-acr": "aal2", "X_Auth_User_Id": "1", "X-Auth_Acr": "aal2"}

    seen = site.get("/orders", bearer.token, **forged).json()

    arrived = [(name.lower().replace("_", "-"), value) for name, value in seen["headers"]]
    wanted = zip(map(str.lower, IDENTITY), (bearer.user_id, bearer.session_id, "aal1", "pwd"), strict=True)
    assert sorted(pair for pair in arrived if pair[0].startswith("x-auth-")) == sorted(wanted)


@pytest.mark.parametrize("path", ["/", "/orders", "/payments/1"])
@pytest.mark.parametrize("token", [None, "garbage", "a.b.c"])
def test_without_a_token_the_proxy_says_401_and_how_to_sign_in(site: Site, path: str, token: str | None) -> None:
    answer = site.get(path, token, **{"X-Auth-User-Id": "1"})

    assert (answer.status_code, "method" in answer.text) == (401, False)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="otp_service"')


def test_an_ended_session_and_an_expired_token_are_stopped(app: Flask, site: Site, time: Time) -> None:
    ended, other = make_bearer(app), make_bearer(app)
    assert site.get("/orders", ended.token).status_code == 200

    with app.app_context():
        sessions.end(ended.caller.session_id, user_id=ended.caller.user_id, client=COMMAND_LINE)

    assert [site.get("/orders", one.token).status_code for one in (ended, other)] == [401, 200]
    time.advance(901)
    assert site.get("/orders", other.token).status_code == 401


@pytest.mark.parametrize(("acr", "age", "status"), [("aal2", 0, 200), ("aal1", 0, 401), ("aal2", 700, 401)])
def test_where_two_factors_are_asked_for_a_weaker_or_older_sign_in_is_stopped(
    app: Flask, site: Site, acr: str, age: int, status: int
) -> None:
    token = make_bearer(app, acr=acr, signed_in_seconds_ago=age).token

    answer = site.get("/payments/1", token)

    assert answer.status_code == status
    wanted = 'error="insufficient_user_authentication"' if status == 401 else ""
    assert wanted in answer.headers.get("WWW-Authenticate", "")
    assert ('acr_values="aal2", max_age="600"' in answer.headers.get("WWW-Authenticate", "")) == (status == 401)
    assert site.get("/orders", token).status_code == 200


@pytest.mark.parametrize("path", [
    "/payments/", "//payments/1", "/./payments/1", "/x/../payments/1", "/%70ayments/1", "/payments//1",
    "/payments/1?a=b",
])  # fmt: skip
def test_no_spelling_of_a_path_needs_less(app: Flask, site: Site, path: str) -> None:
    weak, strong = make_bearer(app, acr="aal1"), make_bearer(app)

    assert [site.status_of(path, one.token) for one in (weak, strong)] == [401, 200]


@pytest.mark.parametrize("path", ["/_signed_in", "/_two_factors"])
def test_the_question_itself_cannot_be_asked_from_outside(app: Flask, site: Site, path: str) -> None:
    answer = site.get(path, make_bearer(app).token)

    assert answer.status_code == 404 or answer.json()["path"] == path  # for Caddy, a path like any other


@pytest.mark.parametrize("kind", INSTALLED, ids=lambda kind: kind.program)
def test_while_the_service_is_away_no_request_passes(app: Flask, service: str, kind: type[Proxy]) -> None:
    token = make_bearer(app).token

    with proxied(kind, otp_service=f"127.0.0.1:{free_port()}", service=service) as site:
        assert site.get("/orders", token).status_code in {500, 502}


def test_the_configuration_for_traefik_asks_the_same_and_replaces_every_header() -> None:
    http = yaml.safe_load((CONFIGURATIONS / "traefik.yml").read_text(encoding="utf-8"))["http"]
    rules = {name: one["forwardAuth"] for name, one in http["middlewares"].items()}

    assert {name: one["address"].partition("8000")[2] for name, one in rules.items()} == {
        "signed-in": "/forward-auth",
        "two-factors": "/forward-auth?acr=aal2&maxAge=600",
    }
    for one in rules.values():
        assert set(one) == {"address", "authRequestHeaders", "authResponseHeaders"}
        assert one["authResponseHeaders"] == list(IDENTITY)
    routers = http["routers"].values()
    assert {name for router in routers for name in router["middlewares"]} == set(rules)
    assert {router["service"] for router in routers} == set(http["services"])
