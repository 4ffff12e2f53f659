"""A real browser keeps the refresh token in its cookies, for a page of another origin that uses clients/javascript."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import make_server

from config import ROOT
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import code_on_phone, make_person
from tests.servers.ports import free_port
from tests.serving import serving

CLIENT = ROOT / "clients" / "javascript"
PAGE = b"<!doctype html><title>Frontend</title>"
START = """async ([baseUrl]) => {
  const { OtpClient } = await import("/index.js");
  window.client = new OtpClient({ baseUrl, transport: "cookie", storage: sessionStorage });
}"""


def frontend(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A page, and the files of the client."""
    name = environ["PATH_INFO"].lstrip("/")
    if name:
        start_response("200 OK", [("Content-Type", "text/javascript")])
        return [(CLIENT / name).read_bytes()]
    start_response("200 OK", [("Content-Type", "text/html")])
    return [PAGE]


class Site:
    """Where the page and the service are."""

    def __init__(self, page_url: str, service_url: str, app: Flask) -> None:
        self.page_url, self.service_url, self.api = page_url, service_url, Api(app)

    def open(self, page: Page, url: str | None = None) -> None:
        """Load the page, which makes a client."""
        page.goto(url or self.page_url)
        page.evaluate(START, [self.service_url])


@pytest.fixture
def site(make_app: MakeApp) -> Iterator[Site]:
    """Both on sockets."""
    ports = free_port(), free_port()
    page_url, service_url = (f"http://localhost:{port}" for port in ports)
    strange = page_url.replace("localhost", "127.0.0.1")
    app = make_app(FRONTEND_URL=f"{page_url},{strange}", FRONTEND_CREDENTIALS="true", PORT=str(ports[1]))
    page_server = make_server("127.0.0.1", ports[0], frontend, threaded=True)
    service_server = make_server("127.0.0.1", ports[1], app, threaded=True)
    with serving(page_server), serving(service_server):
        yield Site(page_url, service_url, app)


@pytest.fixture
def signed_in(site: Site, page: Page, app: Flask, sinch: Simulator) -> Page:
    """The page, after a sign-in by password and code."""
    person = make_person(app)
    site.open(page)
    challenge = page.evaluate("([email, password]) => client.login(email, password)", [person.email, person.password])
    body = {"challengeToken": challenge["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    assert page.evaluate("(body) => client.verifyOtp(body)", body)["userId"] == person.id
    return page


def test_a_session_survives_a_reload_and_no_script_sees_its_refresh_token(signed_in: Page, site: Site) -> None:
    site.open(signed_in)

    assert signed_in.evaluate("() => client.resume()") is True
    assert signed_in.evaluate("async () => (await client.profile()).user.isVerified") is True
    seen = signed_in.evaluate("() => document.cookie + JSON.stringify(sessionStorage)")
    assert "rt_" not in seen
    (cookie,) = (one for one in signed_in.context.cookies() if one["value"].startswith("rt_"))
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")


def test_signing_out_leaves_no_cookie(signed_in: Page, site: Site) -> None:
    site.open(signed_in)
    signed_in.evaluate("() => client.resume()")

    signed_in.evaluate("() => client.logout()")

    assert signed_in.context.cookies() == []
    assert signed_in.evaluate("() => client.resume()") is False


def test_a_page_of_another_site_sends_no_cookie(signed_in: Page, site: Site) -> None:
    csrf_token = signed_in.evaluate("() => sessionStorage['otp_service.csrfToken']")
    site.open(signed_in, site.page_url.replace("localhost", "127.0.0.1"))
    refresh = """async ([url, csrf]) => (await fetch(`${url}/api/v1/auth/refresh`, {
      method: "POST", credentials: "include", body: "{}",
      headers: {"Content-Type": "application/json", "X-CSRF-Token": csrf},
    })).json()"""

    refused = signed_in.evaluate(refresh, [site.service_url, csrf_token])

    assert refused["errors"] == [{"field": "refreshToken", "message": "Provide the refreshToken."}]


def test_two_tabs_that_refresh_at_once_go_on(signed_in: Page, site: Site) -> None:
    second = signed_in.context.new_page()
    site.open(second)
    csrf_token = signed_in.evaluate("() => sessionStorage['otp_service.csrfToken']")
    second.evaluate("(token) => sessionStorage.setItem('otp_service.csrfToken', token)", csrf_token)
    refreshes = "async () => { for (let n = 0; n < 5; n += 1) await client.refresh(); return client.isSignedIn }"

    signed_in.evaluate(f"() => {{ window.done = ({refreshes})() }}")
    assert second.evaluate(refreshes) is True
    assert signed_in.evaluate("() => window.done") is True
