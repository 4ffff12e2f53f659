"""Requests resets and confirms them, as a client does."""

from typing import Any

from flask import Flask

from otp_service.accounts import email_addresses
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.conftest import finish
from tests.factories import Person, code_on_phone

NEW = "Another-Horse-8"


def ask(api: Api, email: str) -> Answer:
    """Ask for a code and wait until what was left for later is done."""
    response = api.post("/auth/password-reset", {"email": email})
    finish(api.app)
    return response


def reset_code(api: Api, sinch: Simulator, person: Person) -> str:
    """A code for a reset, as it came."""
    assert ask(api, person.email).status_code == 202
    return code_on_phone(sinch, person)


def confirm(api: Api, email: str, code: str, password: str = NEW, **more: Any) -> Answer:
    """Set the password."""
    return api.post("/auth/password-reset/confirm", {"email": email, "otpCode": code, "newPassword": password, **more})


def told(response: Answer) -> tuple[int, dict[str, Any]]:
    """Status and body without what is new in every answer."""
    body = dict(response.json or {})
    body.pop("requestId", None)
    return response.status_code, body


def can_sign_in(api: Api, email: str, password: str) -> bool:
    """Whether the password is the right one."""
    return api.post("/auth/login", {"email": email, "password": password}).status_code == 200


def messages_to(app: Flask, email: str) -> list[str]:
    """The templates of the e-mails on their way to an address."""
    from otp_service import outbox

    with app.app_context():
        return [opened.template for opened in outbox.read(limit=100) if opened.message.to == email]


def verify_address(app: Flask, person: Person) -> None:
    """Count the person's address as verified."""
    with app.app_context(), transaction():
        assert email_addresses.mark_verified(person.id, email=person.email, now=clock.now())
