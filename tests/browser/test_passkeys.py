"""A real browser makes passkeys from our options and signs in with them."""

from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import Person, log_in, make_person, sign_in


@pytest.fixture
def ada(app: Flask) -> Person:
    return make_person(app)


@pytest.fixture
def enrolled(page: Page, served: Api, sinch: Simulator, ada: Person) -> Page:
    """The page, after its browser made a passkey for Ada."""
    page.fill("#token", sign_in(served, sinch, ada)["token"])
    page.click("#enrol")
    expect(page.locator("#said")).to_have_text("Enrolled This browser.")
    return page


def test_a_browser_enrols_a_passkey_and_signs_in_with_it_alone(
    enrolled: Page, served: Api, ada: Person, tmp_path: Path
) -> None:
    enrolled.fill("#token", "")
    enrolled.click("#alone")
    expect(enrolled.locator("#said")).to_have_text(f"Login successful. User {ada.id}.")
    enrolled.screenshot(path=tmp_path / "signed-in.png")
    token = enrolled.input_value("#token")
    assert served.get("/profile", token=token).json["user"]["email"] == ada.email
    (described,) = (one for one in served.get("/factors", token=token).json["factors"] if one["type"] == "webauthn")
    assert described["lastUsedAt"] is not None


def test_a_browser_shows_the_passkey_after_the_password(enrolled: Page, served: Api, ada: Person) -> None:
    enrolled.fill("#challenge", log_in(served, ada)["challengeToken"])
    enrolled.click("#second")
    expect(enrolled.locator("#said")).to_have_text(f"Login successful. User {ada.id}.")


def test_a_browser_makes_no_second_passkey_on_the_same_authenticator(enrolled: Page) -> None:
    enrolled.click("#enrol")
    expect(enrolled.locator("#said")).to_contain_text("InvalidStateError")


def test_a_browser_without_a_passkey_of_ours_signs_nobody_in(page: Page) -> None:
    page.click("#alone")
    expect(page.locator("#said")).to_contain_text("NotAllowedError")
