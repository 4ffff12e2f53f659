"""A backend that verifies numbers, as tests use it."""

from typing import Any

import pytest
from flask import Flask

from otp_service.backends.app_keys import Scope
from otp_service.simulator import Simulator
from tests.api import Answer
from tests.backends.callers import Backend
from tests.factories import new_number
from tests.trail import entries


class Shop(Backend):
    """A backend with the scope for verifications, and the calls that it makes."""

    def __init__(self, app: Flask, *, name: str | None = None, **limits: Any) -> None:
        super().__init__(app, Scope.VERIFICATIONS, name=name, **limits)

    def start(self, phone_number: str | None = None, *, repeat_as: str | None = None, **more: Any) -> Answer:
        """POST /verifications."""
        body = {"phoneNumber": phone_number or new_number(), **more}
        return self.post("/verifications", body, headers=repeatable(repeat_as))

    def started(self, phone_number: str | None = None, **more: Any) -> dict[str, Any]:
        """A verification, whose message must be sent."""
        answer = self.start(phone_number, **more)
        assert answer.status_code == 201, answer.json
        return dict(answer.json)

    def check(self, verification_id: str, code: str, *, repeat_as: str | None = None) -> Answer:
        """POST /verifications/{id}/check."""
        return self.post(f"/verifications/{verification_id}/check", {"code": code}, headers=repeatable(repeat_as))

    def resend(self, verification_id: str, *, repeat_as: str | None = None, **more: Any) -> Answer:
        """POST /verifications/{id}/resend."""
        return self.post(f"/verifications/{verification_id}/resend", more, headers=repeatable(repeat_as))

    def status_of(self, verification_id: str) -> str:
        """How a verification stands."""
        return str(self.get(f"/verifications/{verification_id}").json["status"])

    def end(self, verification_id: str, query: str = "") -> int:
        """DELETE /verifications/{id}; the status of the response."""
        return self.send("DELETE", f"/verifications/{verification_id}{query}").status_code


def repeatable(key: str | None) -> dict[str, str]:
    """The header of a request that may be repeated."""
    return {} if key is None else {"Idempotency-Key": key}


def code_at(sinch: Simulator, number: str) -> str:
    """The newest code at a number."""
    message = sinch.inbox(number)[0]
    return str(message["code"] or message["cli"])


def outcomes(app: Flask) -> list[tuple[str, dict[str, Any]]]:
    """What the audit trail says became of verifications, the oldest first."""
    return [(entry.event, entry.facts) for entry in entries(app) if entry.event.startswith("verification.")]


@pytest.fixture
def shop(app: Flask) -> Shop:
    """A backend."""
    return Shop(app)
