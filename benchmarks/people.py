"""Makes people that no other run has, and takes them through the API as a client would."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

from benchmarks.wire import Connection, UnexpectedAnswer, patiently, request

API = "/api/v1"
PASSWORD = "Correct-Horse-7"
WRONG_PASSWORD = "Wrong-Horse-7"
_FIRST_NUMBER = 14_152_000_000  # +1 415 2xx xxxx and on: valid numbers all of them
_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Person:
    """What a person types."""

    email: str
    phone_number: str

    @property
    def registration(self) -> dict[str, Any]:
        """The body of /auth/register."""
        return {"email": self.email, "password": PASSWORD, "phoneNumber": self.phone_number}

    def login(self, password: str = PASSWORD) -> bytes:
        """The request of a sign-in."""
        return request("POST", f"{API}/auth/login", body={"email": self.email, "password": password})


def new_person() -> Person:
    """A person without an account."""
    serial = next(_serial)
    return Person(f"person{serial}@example.com", f"+{_FIRST_NUMBER + serial}")


def register(connection: Connection, person: Person) -> int:
    """Returns how often the service was overloaded."""
    raw = request("POST", f"{API}/auth/register", body=person.registration)
    answer, retries = patiently(connection, raw)
    answer.expect(201)
    return retries


def log_in(connection: Connection, person: Person) -> tuple[str, int]:
    """The challenge token, and how often the service was overloaded."""
    answer, retries = patiently(connection, person.login())
    said = answer.expect(200)
    if not said["requiresOtp"] or "otpError" in said:
        raise UnexpectedAnswer(f"a sign-in without a code: {said}")
    return said["challengeToken"], retries


def read_code(simulator: Connection, person: Person) -> str:
    """The code on the person's phone."""
    number = person.phone_number.replace("+", "%2B")
    messages = simulator.get(f"/inbox.json?to={number}").expect(200)["messages"]
    if len(messages) != 1:
        raise UnexpectedAnswer(f"{len(messages)} messages instead of 1 on a phone")
    return str(messages[0]["code"])


def verify(connection: Connection, challenge_token: str, code: str) -> str:
    """The access token."""
    return str(_signed_in(connection, challenge_token, code)["token"])


def sign_in(service: Connection, simulator: Connection, person: Person) -> tuple[str, bytes]:
    """The access token of a registered person, and the request of the first refresh."""
    challenge_token, _ = log_in(service, person)
    said = _signed_in(service, challenge_token, read_code(simulator, person))
    return str(said["token"]), _refresh(said)


def code_in_hand(service: Connection, simulator: Connection, person: Person) -> tuple[str, str]:
    """The challenge token and the code of a registered person who has given the password."""
    challenge_token, _ = log_in(service, person)
    return challenge_token, read_code(simulator, person)


def refresh_again(body: bytes) -> bytes:
    """The request of the next refresh, by the answer to the one before."""
    return _refresh(json.loads(body))


def _signed_in(connection: Connection, challenge_token: str, code: str) -> dict[str, Any]:
    body = {"challengeToken": challenge_token, "otpCode": code}
    said: dict[str, Any] = connection.post(f"{API}/auth/verify-otp", body).expect(200)
    return said


def _refresh(said: dict[str, Any]) -> bytes:
    return request("POST", f"{API}/auth/refresh", body={"refreshToken": said["refreshToken"]})


def look_at_profile(connection: Connection, person: Person, token: str) -> None:
    """Raises UnexpectedAnswer unless it is this person's, with a verified number."""
    user = connection.get(f"{API}/profile", token=token).expect(200)["user"]
    if user["email"] != person.email or not user["isVerified"]:
        raise UnexpectedAnswer(f"not the profile of {person.email}: {user}")
