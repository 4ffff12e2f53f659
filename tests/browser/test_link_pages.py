"""The pages of the links in e-mails, in a real browser: what people see, and what the keyboard alone can do."""

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect

from otp_service.web.link_pages import NAMES
from tests.accounts.email.letters import token_sent
from tests.api import Api
from tests.factories import PASSWORD, make_person, new_details

pytestmark = pytest.mark.one_database

DONE = "Your e-mail address is verified"


@pytest.fixture
def ada(served: Api) -> dict[str, str]:
    """What Ada registered with."""
    details = new_details()
    assert served.post("/auth/register", details).status_code == 201
    return details


@pytest.fixture
def faults() -> list[str]:
    """What the browser complains about: errors of scripts, and what the policy forbids."""
    return []


@pytest.fixture
def small(browser: Browser, served: Api, faults: list[str]) -> Iterator[Page]:
    """A page on a narrow dark screen."""
    context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme="dark")
    opened = context.new_page()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda said: faults.append(said.text) if "status of" not in said.text else None)
    yield opened
    context.close()


def press_button(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")


def test_a_link_verifies_the_address_by_keyboard_alone(
    served: Api, small: Page, origin: str, ada: dict[str, str], faults: list[str]
) -> None:
    small.goto(f"{origin}/verify-email#token={token_sent(served, ada['email'])}")
    press_button(small)

    outcome = small.locator("[data-outcome=done]")
    expect(outcome).to_be_focused()
    expect(outcome.locator("h2")).to_have_text(DONE)
    expect(small).to_have_title(re.compile(f"^{DONE} – "))
    expect(small).to_have_url(f"{origin}/verify-email")
    expect(small.locator("form")).to_be_hidden()
    assert faults == []


def test_an_old_link_leaves_its_token_in_this_browser(
    served: Api, small: Page, origin: str, ada: dict[str, str]
) -> None:
    token = token_sent(served, ada["email"])
    sent: list[str] = []
    small.on("request", lambda request: sent.append(f"{request.url} {request.headers.get('referer')}"))

    small.goto(f"{origin}/verify-email?token={token}")
    expect(small).to_have_url(f"{origin}/verify-email#token={token}")
    small.reload()
    press_button(small)

    expect(small.locator("[data-outcome=done]")).to_be_visible()
    assert [line for line in sent[1:] if token in line] == []


def test_a_link_that_does_not_work_says_so_and_offers_no_button(small: Page, origin: str) -> None:
    small.goto(f"{origin}/verify-email#token=lk_old")
    press_button(small)

    expect(small.locator("[data-outcome=invalid_token]")).to_be_focused()
    expect(small.locator("form")).to_be_hidden()


def test_without_a_token_the_page_asks_for_the_code(served: Api, small: Page, origin: str, ada: dict[str, str]) -> None:
    small.goto(f"{origin}/verify-email")
    small.get_by_label("Code from your message").fill("lk_wrong")
    small.keyboard.press("Enter")
    expect(small.locator("[data-outcome=invalid_token]")).to_be_focused()

    small.get_by_label("Code from your message").fill(f" {token_sent(served, ada['email'])} ")
    small.keyboard.press("Enter")

    expect(small.locator("[data-outcome=done]")).to_be_focused()


def test_while_the_service_is_away_the_link_can_be_tried_again(
    served: Api, small: Page, origin: str, ada: dict[str, str]
) -> None:
    def lose(route: Route) -> None:
        route.abort("connectionrefused")

    small.goto(f"{origin}/verify-email#token={token_sent(served, ada['email'])}")
    small.route("**/api/**", lose)
    press_button(small)
    expect(small.locator("[data-outcome=unreachable]")).to_be_focused()

    small.unroute("**/api/**")
    press_button(small)

    expect(small.locator("[data-outcome=done]")).to_be_focused()


def test_a_rejected_password_is_explained_in_the_language_of_the_page(
    browser: Browser, served: Api, app: Flask, origin: str
) -> None:
    person = make_person(app)
    link = served.app.test_cli_runner().invoke(args=["users", "set-password-link", person.email]).stdout.strip()
    page = browser.new_context(locale="de-CH").new_page()
    page.goto(f"{origin}/set-password#{link.partition('#')[2]}")

    field = page.get_by_role("textbox", name="Neues Passwort")
    field.fill("kurz")
    page.keyboard.press("Enter")

    fault = page.locator("#new-password-fault")
    expect(fault).to_contain_text("Verwenden Sie mindestens 8 Zeichen.")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Anzeigen").click()
    field.fill("Another-Horse-8")
    page.keyboard.press("Enter")
    expect(page.locator("[data-outcome=done]")).to_be_focused()
    page.context.close()
    assert served.post("/auth/login", {"email": person.email, "password": "Another-Horse-8"}).status_code == 200
    assert served.post("/auth/login", {"email": person.email, "password": PASSWORD}).status_code == 401


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_narrow_screen_and_names_all_its_fields(
    small: Page, origin: str, name: str, faults: list[str]
) -> None:
    small.goto(f"{origin}/{name}")

    assert small.evaluate("document.documentElement.scrollWidth") <= 320
    assert small.evaluate(
        "[...document.querySelectorAll('input:not([hidden])')].every(input => input.labels.length === 1)"
    )
    assert faults == []
