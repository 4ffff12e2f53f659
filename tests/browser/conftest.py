"""Chromium with a virtual authenticator, and the service on http://localhost with a page that uses passkeys."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from tests.api import Api
from tests.conftest import MakeApp
from tests.servers.ports import free_port

PAGE = Path(__file__).with_name("page.html").read_bytes()
CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
BUILT_IN = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class WithPage:
    """The service, and one page beside it."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """A WSGI application."""
        if environ["PATH_INFO"] == "/page":
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [PAGE]
        return self._app(environ, start_response)


@pytest.fixture
def origin() -> str:
    """Where the page is."""
    return f"http://localhost:{free_port()}"


@pytest.fixture
def served(make_app: MakeApp, origin: str) -> Iterator[Api]:
    """The service on a socket, with the page."""
    port = int(origin.rpartition(":")[2])
    app = make_app(PORT=str(port))
    server = make_server("localhost", port, WithPage(app), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Api(app)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, served: Api, origin: str) -> Iterator[Page]:
    """The page, in a browser whose authenticator says yes by itself."""
    context = browser.new_context(viewport={"width": 760, "height": 560})
    opened = context.new_page()
    devtools = context.new_cdp_session(opened)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": BUILT_IN})
    opened.goto(f"{origin}/page")
    yield opened
    context.close()
