"""Changes of number through the API."""

from typing import Any

from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.api import Api
from tests.conftest import Time
from tests.factories import Person, new_number, sign_in

UNREACHABLE = {
    "+33970123457": "an internet (VoIP) number",
    "+18005550199": "a toll-free number",
    "+19005550100": "a premium-rate number",
    "+491371234567": "a shared-cost number",
    "+447640123456": "the number of a pager",
    "+447012345678": "a personal number that is forwarded",
    "+445512345678": "a company's universal access number (UAN)",
    "+881612345678": "a satellite number or an international service",
}
"""Valid numbers that codes go to by no channel, and how each is called."""

COOLDOWN = 121


def code_at(sinch: Simulator, number: str) -> str:
    """The newest code that arrived at a number."""
    return str(sinch.inbox(number)[0]["code"])


def ask_for_number(api: Api, token: str, number: str) -> Any:
    """The answer to a wish for another number."""
    return api.post("/account/phone", {"phoneNumber": number}, token=token)


def confirm_number(api: Api, token: str, code: str) -> Any:
    """The answer to the code from the new phone."""
    return api.post("/account/phone/verify", {"otpCode": code}, token=token)


def change_number(api: Api, sinch: Simulator, token: str, number: str) -> dict[str, Any]:
    """Ask, and prove; the response."""
    asked = ask_for_number(api, token, number)
    assert asked.status_code == 200, asked.json
    confirmed = confirm_number(api, token, code_at(sinch, number))
    assert confirmed.status_code == 200, confirmed.json
    return dict(confirmed.json)


def undo_token(api: Api, person: Person) -> str:
    """The token of the newest undo link."""
    return str(letters(api, person.email, "phone_change_undo")[0]["link"]).partition("#token=")[2]


def sign_in_and_change(api: Api, sinch: Simulator, time: Time, person: Person) -> tuple[dict[str, Any], str]:
    """The tokens after a sign-in in which the number was changed, and the new number."""
    tokens, number = sign_in(api, sinch, person), new_number()
    time.advance(COOLDOWN)
    changed = change_number(api, sinch, tokens["token"], number)
    return {**tokens, "token": changed["token"], "sessionId": changed["sessionId"]}, number
