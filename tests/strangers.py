"""Strangers: clients at other addresses, who know an account's address and number and nothing else."""

from typing import Any

from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.factories import Person, code_on_phone

HOME, OFFICE, TRAIN = "203.0.113.7", "198.51.100.9", "192.0.2.44"


class From(Api):
    """A client at an address."""

    def __init__(self, app: Flask, ip: str) -> None:
        super().__init__(app)
        self.ip = ip

    def send(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Answer:
        """Send anything."""
        options.setdefault("environ_overrides", {"REMOTE_ADDR": self.ip})
        return super().send(method, path, token=token, **options)


def stranger(app: Flask, number: int = 1) -> From:
    """One of many strangers, each in a network of its own."""
    return From(app, f"100.{64 + number // 250}.{number % 250}.5")


def attempt(api: Api, person: Person, password: str | None = None, **more: Any) -> Answer:
    """Try a password; without one, the right one."""
    return api.post("/auth/login", {"email": person.email, "password": password or person.password, **more})


def guess(api: Api, person: Person, times: int = 1, **more: Any) -> Answer:
    """Try wrong passwords; the last answer."""
    answers = [attempt(api, person, f"Wrong-Horse-{number}", **more) for number in range(times)]
    return answers[-1]


def complete(api: Api, sinch: Simulator, person: Person, **more: Any) -> dict[str, Any]:
    """Sign in by password and code."""
    begun = attempt(api, person, **more)
    assert begun.status_code == 200, begun.json
    code = code_on_phone(sinch, person)
    done = api.post("/auth/verify-otp", {"challengeToken": begun.json["challengeToken"], "otpCode": code})
    assert done.status_code == 200, done.json
    return dict(done.json)
