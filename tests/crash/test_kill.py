"""`kill -9` at each step of sending and checking: the code on the phone works, once, and nobody waits for long."""

import threading
import time as real_time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from otp_service.simulator import Simulator
from tests.crash.service import PATIENCE_SECONDS, Service
from tests.factories import Person, code_on_phone, make_person

PEOPLE = 4  # as many calls as a worker has under way at once
KILLS = 5
COOLDOWN_SECONDS = 2


@pytest.fixture
def service(app: Flask, environment: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    """The service in processes of its own, on the database of the test."""
    with Service({**environment, "OTP_COOLDOWN": str(COOLDOWN_SECONDS)}, tmp_path / "gunicorn.log") as running:
        yield running


def held_then_killed(service: Service, sinch: Simulator, act: Callable[[int], Any], operation: str, phase: str) -> None:
    """Let `act` run for each person until the provider holds its call at that point, then kill the service."""
    sinch.set_fault("stall", operation, seconds=600, phase=phase)
    already = sinch.count(operation)
    threads = [threading.Thread(target=quietly, args=(act, number)) for number in range(PEOPLE)]
    for thread in threads:
        thread.start()
    wait_for(lambda: sinch.count(operation) == already + PEOPLE)
    if phase == "after":
        real_time.sleep(0.1)  # counted on arrival; the act itself takes a moment
    service.kill() if already == 0 else service.kill_worker()
    for thread in threads:
        thread.join()
    sinch.clear_faults()


def quietly(act: Callable[[int], Any], number: int) -> None:
    """The client sees its connection break, or waits in vain."""
    try:
        act(number)
    except requests.RequestException:
        return


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = real_time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert real_time.monotonic() < deadline, "it never happened"
        real_time.sleep(0.01)


def verify(service: Service, person: Person, code: str) -> int:
    return service.post("/auth/verify-otp", {"email": person.email, "otpCode": code}).status_code


def request(service: Service, person: Person) -> int:
    return service.post("/auth/request-otp", {"email": person.email}).status_code


@pytest.mark.parametrize("phase", ["before", "after"])
def test_killed_while_sending(app: Flask, service: Service, sinch: Simulator, phase: str) -> None:
    for _ in range(KILLS):
        people = [make_person(app) for _ in range(PEOPLE)]
        held_then_killed(service, sinch, lambda number: request(service, people[number]), "start", phase)  # noqa: B023
        for person in people:
            wait_for(lambda: bool(sinch.inbox(person.phone_number)))  # noqa: B023
            code = code_on_phone(sinch, person)
            assert [verify(service, person, code) for _ in range(2)] == [200, 401]
        real_time.sleep(COOLDOWN_SECONDS)
        assert [request(service, person) for person in people] == [200] * PEOPLE


@pytest.mark.parametrize("phase", ["before", "after"])
def test_killed_while_checking(app: Flask, service: Service, sinch: Simulator, phase: str) -> None:
    for _ in range(KILLS):
        people = [make_person(app) for _ in range(PEOPLE)]
        assert [request(service, person) for person in people] == [200] * PEOPLE
        codes = [code_on_phone(sinch, person) for person in people]
        held_then_killed(
            service,
            sinch,
            lambda number: verify(service, people[number], codes[number]),  # noqa: B023
            "report",
            phase,
        )
        for person, code in zip(people, codes, strict=True):
            assert [verify(service, person, code) for _ in range(2)] == [200, 401]


def test_killed_before_the_provider_was_called(app: Flask, service: Service, sinch: Simulator) -> None:
    """The reservation is there, the call never left: after the cooldown at the latest there is a code."""
    person = make_person(app)
    sinch.set_fault("reset", "start", phase="before")
    request(service, person)
    service.kill()
    sinch.clear_faults()
    real_time.sleep(COOLDOWN_SECONDS)
    assert request(service, person) == 200
    assert verify(service, person, code_on_phone(sinch, person)) == 200


def test_killed_while_registering_and_signing_in(app: Flask, service: Service, sinch: Simulator) -> None:
    """Either there is a whole user or none: the client's next try tells, and the login works."""
    details = {"email": "killed@example.com", "password": "Correct-Horse-7", "phoneNumber": "+14155551999"}
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4):
        thread = threading.Thread(target=quietly, args=(lambda _: service.post("/auth/register", details), 0))
        thread.start()
        real_time.sleep(pause)
        service.kill_worker()
        thread.join()
    assert service.post("/auth/register", details).status_code in {201, 409}
    answer = service.post("/auth/login", {"email": details["email"], "password": details["password"]}).json()
    assert answer["requiresOtp"] is True
    body = {"challengeToken": answer["challengeToken"], "otpCode": sinch.inbox("+14155551999")[0]["code"]}
    assert service.post("/auth/verify-otp", body).status_code == 200
