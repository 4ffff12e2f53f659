"""Makes people and sign-ins, through the service's own functions and routes."""

import itertools
from dataclasses import dataclass
from typing import Any

from flask import Flask

from otp_service.accounts import password_hashing, registrations
from otp_service.audit import COMMAND_LINE
from otp_service.simulator import Simulator
from tests.api import Api

QUICK_HASH_COST = 4
PASSWORD = "Correct-Horse-7"
_serial = itertools.count(2000)


@dataclass(frozen=True)
class Person:
    """A registered person, as that person knows it."""

    id: int
    email: str
    phone_number: str
    password: str = PASSWORD

    @property
    def credentials(self) -> dict[str, str]:
        """The body of a login."""
        return {"email": self.email, "password": self.password}


def new_number() -> str:
    """A valid number that no other test has."""
    return f"+1415555{next(_serial):04d}"


def new_details(**changes: Any) -> dict[str, Any]:
    """The body of a registration."""
    serial = next(_serial)
    email = f"person{serial}@example.com"
    return {"email": email, "password": PASSWORD, "phoneNumber": new_number(), **changes}


def make_person(app: Flask, *, is_verified: bool = False, phone_number: str | None = None) -> Person:
    """Register somebody."""
    details = new_details(**({"phoneNumber": phone_number} if phone_number else {}))
    with app.app_context():
        account = registrations.create(
            email=details["email"],
            phone_number=details["phoneNumber"],
            password_hash=password_hashing.hash_password(PASSWORD),
            client=COMMAND_LINE,
            is_verified=is_verified,
        )
    return Person(account.id, account.email, details["phoneNumber"])


def log_in(api: Api, person: Person) -> dict[str, Any]:
    """The answer to a right password."""
    response = api.post("/auth/login", person.credentials)
    assert response.status_code == 200, response.json
    return dict(response.json or {})


def code_on_phone(sinch: Simulator, person: Person) -> str:
    """The newest code that the person's phone received, or the number that rang."""
    message = sinch.inbox(person.phone_number)[0]
    return str(message["code"] or message["cli"])


def wrong_code(right: str, number: int = 1) -> str:
    """A code of the same length that is not the right one; different numbers give different codes."""
    return str((int(right) + number) % 10 ** len(right)).zfill(len(right))


def sign_in(api: Api, sinch: Simulator, person: Person) -> dict[str, Any]:
    """The tokens after password and code."""
    challenge = log_in(api, person)["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    response = api.post("/auth/verify-otp", body)
    assert response.status_code == 200, response.json
    return dict(response.json or {})
