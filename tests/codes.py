"""Asks for codes and tries them, by the address of a person."""

from typing import Any, NamedTuple

from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.factories import Person, code_on_phone


class Outcome(NamedTuple):
    """The status of a response, and the error code in it ("" if there is none)."""

    status: int
    error: str


def request_code(api: Api, person: Person, **more: str) -> Answer:
    """Ask for a code; `more` goes into the body."""
    return api.post("/auth/request-otp", {"email": person.email, **more})


def new_code(api: Api, sinch: Simulator, person: Person, **more: str) -> str:
    """Ask for a code, which must be sent, and read it on the phone."""
    response = request_code(api, person, **more)
    assert response.status_code == 200, response.json
    return code_on_phone(sinch, person)


def verify(api: Api, person: Person, code: Any) -> Outcome:
    """Try a code."""
    response = api.post("/auth/verify-otp", {"email": person.email, "otpCode": code})
    return Outcome(response.status_code, (response.json or {}).get("code", ""))
