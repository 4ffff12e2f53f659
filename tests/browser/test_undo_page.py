"""The page that undoes a change of number: by the password, or by any other factor that the account has."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from otp_service.simulator import Simulator
from tests.api import Api
from tests.browser.test_reset_page import NEW
from tests.factories import code_on_phone, make_person
from tests.recovery.resets import verify_address
from tests.recovery.test_email_code import Owner
from tests.selfservice.test_phone_undo import Moved

pytestmark = pytest.mark.one_database
OTHER = "I cannot enter the password"


@pytest.fixture
def undo(browser: Browser, served: Api) -> Iterator[Page]:
    """A page on a narrow screen."""
    context = browser.new_context(viewport={"width": 320, "height": 640})
    yield context.new_page()
    context.close()


def test_an_account_with_other_factors_is_offered_each_of_them(
    undo: Page, served: Api, sinch: Simulator, origin: str
) -> None:
    moved = Moved(served.app, sinch, with_factors=True)
    undo.goto(f"{origin}/undo-phone-change#token={moved.link}")
    undo.get_by_role("button", name=OTHER).click()
    expect(undo.get_by_label("Code of your authenticator app")).to_be_checked()

    undo.get_by_label("Backup code", exact=True).check()
    undo.get_by_label("Code", exact=True).fill(moved.backup_codes[0])
    undo.keyboard.press("Enter")

    expect(undo.locator("[data-outcome=done]")).to_be_focused()
    assert moved.has_earlier_number()


def test_an_account_without_another_factor_is_not_frozen_by_looking_for_one(
    undo: Page, served: Api, sinch: Simulator, origin: str
) -> None:
    moved = Moved(served.app, sinch)
    undo.goto(f"{origin}/undo-phone-change#token={moved.link}")

    undo.get_by_role("button", name=OTHER).click()
    expect(undo.locator("[data-outcome=no_other_way]")).to_be_focused()
    undo.get_by_role("button", name="Restore my number").click()  # the password is required

    assert moved.show()["lockedAt"] is None
    assert not moved.has_earlier_number()


def test_the_link_with_a_code_for_a_reset_leads_to_its_last_step(
    undo: Page, served: Api, sinch: Simulator, origin: str
) -> None:
    person = make_person(served.app, is_verified=True)
    verify_address(served.app, person)
    _, mailed = Owner(served.app, served, sinch, person).ask()
    undo.goto(f"{origin}/reset-password#token={mailed}")
    expect(undo.locator("#second-code")).to_have_value(mailed)

    undo.locator("#confirmed-email").fill(person.email)
    undo.locator("#code").fill(code_on_phone(sinch, person))
    undo.locator("#new-password").fill(NEW)
    undo.keyboard.press("Enter")

    expect(undo.locator("[data-outcome=done]")).to_be_focused()
    assert served.post("/auth/login", {"email": person.email, "password": NEW}).status_code == 200
