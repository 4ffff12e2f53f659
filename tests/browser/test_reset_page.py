"""A forgotten password is reset on the page for it, with a second factor where the account has one."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time, finish
from tests.factories import Person, code_on_phone, make_person, sign_in, wrong_code
from tests.factors.totp.authenticator import enrol

pytestmark = pytest.mark.one_database

NEW = "Another-Horse-8"


@pytest.fixture
def reset(browser: Browser, served: Api, origin: str) -> Iterator[Page]:
    """The page, on a narrow screen."""
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(f"{origin}/reset-password")
    yield page
    context.close()


def ask_for_code(page: Page, served: Api, person: Person) -> None:
    page.locator("#email").fill(person.email)
    page.keyboard.press("Enter")
    expect(page.locator("#confirm > p").first).to_be_focused()
    finish(served.app)  # the code is sent after the response


def enter(page: Page, code: str) -> None:
    page.locator("#code").fill(code)
    page.locator("#new-password").fill(NEW)
    page.keyboard.press("Enter")


def is_set(served: Api, person: Person) -> bool:
    return served.post("/auth/login", {"email": person.email, "password": NEW}).status_code == 200


def test_a_code_on_the_phone_sets_a_new_password(reset: Page, served: Api, app: Flask, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    ask_for_code(reset, served, person)
    enter(reset, code_on_phone(sinch, person))

    expect(reset.locator("[data-outcome=done]")).to_be_focused()
    assert is_set(served, person)


def test_a_wrong_code_says_so_and_may_be_corrected(reset: Page, served: Api, app: Flask, sinch: Simulator) -> None:
    person = make_person(app, is_verified=True)
    ask_for_code(reset, served, person)
    enter(reset, wrong_code(code_on_phone(sinch, person)))
    expect(reset.locator("[data-outcome=otp_invalid]")).to_be_focused()

    enter(reset, code_on_phone(sinch, person))

    expect(reset.locator("[data-outcome=done]")).to_be_focused()


def test_an_account_with_another_factor_is_asked_for_it(
    reset: Page, served: Api, app: Flask, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    _, backup_codes = enrol(served, sign_in(served, sinch, person)["token"])
    time.advance(120)
    ask_for_code(reset, served, person)
    enter(reset, code_on_phone(sinch, person))
    expect(reset.locator("[data-outcome=second_factor_required]")).to_be_focused()

    reset.get_by_label("Backup code", exact=True).check()
    reset.get_by_label("Code", exact=True).fill(backup_codes[0])
    reset.keyboard.press("Enter")

    expect(reset.locator("[data-outcome=done]")).to_be_focused()
    assert is_set(served, person)
