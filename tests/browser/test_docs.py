"""The viewer of the API, in a real browser: it shows all routes and tries them, under a policy without exceptions."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import make_person, sign_in

pytestmark = pytest.mark.one_database


@pytest.fixture
def faults() -> list[str]:
    """What the browser complains about: errors of scripts, and what the policy forbids."""
    return []


@pytest.fixture
def docs(browser: Browser, served: Api, origin: str, faults: list[str]) -> Iterator[Page]:
    """The viewer, with all routes shown."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "status of" not in said.text else None)
    page.on("request", lambda sent: None if sent.url.startswith((origin, "data:")) else faults.append(sent.url))
    page.goto(f"{origin}/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    yield page
    context.close()


def opened(docs: Page, path: str) -> Locator:
    operation = docs.locator(".opblock", has=docs.locator(f"[data-path='{path}']")).first
    operation.locator("button").first.click()
    return operation


def test_the_viewer_shows_every_route(docs: Page, served: Api, faults: list[str]) -> None:
    paths = served.get("/openapi.json").json["paths"]

    expect(docs.locator(".opblock")).to_have_count(sum(len(item) for item in paths.values()))
    assert faults == []


def test_a_route_is_tried_with_a_token(
    docs: Page, served: Api, app: Flask, sinch: Simulator, faults: list[str]
) -> None:
    person = make_person(app)
    docs.get_by_role("button", name=re.compile("^Authorize")).first.click()
    docs.locator(".auth-container input").fill(sign_in(served, sinch, person)["token"])
    docs.locator(".auth-container [type=submit]").click()
    docs.locator(".auth-container .btn-done").click()

    operation = opened(docs, "/api/v1/profile")
    operation.get_by_role("button", name="Execute").click()

    response = operation.locator(".live-responses-table")
    expect(response).to_contain_text("200")
    expect(response).to_contain_text(person.email)
    assert faults == []


def test_a_route_without_a_token_is_tried_with_the_example(docs: Page, faults: list[str]) -> None:
    operation = opened(docs, "/api/v1/auth/register")
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table")).to_contain_text("201")
    assert faults == []
