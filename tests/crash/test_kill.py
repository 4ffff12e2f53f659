"""`kill -9` at each step of sending and checking: the code on the phone works, once, and nobody waits for long."""

import threading
import time as real_time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import requests
from flask import Flask

from otp_service.audit import verifying
from otp_service.backends.app_keys import Key, Scope
from otp_service.simulator import Simulator
from tests.backends.callers import make_key
from tests.crash.service import Service, quietly
from tests.factories import Person, code_on_phone, make_person, wrong_code
from tests.gateways import gateway_of
from tests.waiting import wait_until

pytestmark = pytest.mark.each_case

PEOPLE = 4  # as many calls as a worker has under way at once
KILLS = 2  # the whole service, then its worker alone
COOLDOWN_SECONDS = 2


@pytest.fixture
def service(app: Flask, environment: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    """The service in processes of its own, on the database of the test."""
    with Service({**environment, "OTP_COOLDOWN": str(COOLDOWN_SECONDS)}, tmp_path / "gunicorn.log") as running:
        yield running
    with app.app_context():
        assert verifying.verify().faults == []  # wherever it was killed, the audit trail is whole


@dataclass(frozen=True)
class Act:
    """What is under way when the service is killed: a call to the provider for each person."""

    operation: str
    of: Callable[[Person], object]
    is_carried_out: Callable[[Person], bool]


def held_then_killed(service: Service, sinch: Simulator, people: list[Person], act: Act, phase: str) -> None:
    """Let each person act until the provider holds the call at that point, then kill the service."""
    sinch.set_fault("stall", act.operation, seconds=600, phase=phase)
    already = sinch.count(act.operation)
    threads = [threading.Thread(target=quietly, args=(partial(act.of, person),)) for person in people]
    for thread in threads:
        thread.start()
    wait_until(lambda: sinch.count(act.operation) == already + PEOPLE)
    if phase == "after":  # a call is counted when it arrives, and carried out a moment later
        wait_until(lambda: all(map(act.is_carried_out, people)))
    service.kill() if already == 0 else service.kill_worker()
    for thread in threads:
        thread.join()
    sinch.clear_faults()


@pytest.mark.parametrize("phase", ["before", "after"])
def test_killed_while_sending(app: Flask, service: Service, sinch: Simulator, phase: str) -> None:
    everybody: list[Person] = []
    act = Act("start", service.request_code, lambda person: bool(sinch.inbox(person.phone_number)))
    for _ in range(KILLS):
        people = [make_person(app) for _ in range(PEOPLE)]
        held_then_killed(service, sinch, people, act, phase)
        for person in people:
            wait_until(lambda: sinch.inbox(person.phone_number))
            code = code_on_phone(sinch, person)
            assert [service.verify(person, code) for _ in range(2)] == [200, 401]
        everybody += people

    real_time.sleep(COOLDOWN_SECONDS)

    assert [service.request_code(person) for person in everybody] == [200] * PEOPLE * KILLS


def test_killed_while_the_gateway_sends(
    app: Flask, environment: dict[str, str], sinch: Simulator, tmp_path: Path
) -> None:
    """No provider can be asked what became of these messages: their codes are ours, and work."""
    people = [make_person(app) for _ in range(PEOPLE)]
    with Service({**environment, **gateway_of(sinch)}, tmp_path / "gunicorn.log") as service:
        act = Act("gateway", service.request_code, lambda person: bool(sinch.inbox(person.phone_number)))
        held_then_killed(service, sinch, people, act, "after")

        for person in people:
            code = code_on_phone(sinch, person)
            assert [service.verify(person, code) for _ in range(2)] == [200, 401]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_killed_while_checking(app: Flask, service: Service, sinch: Simulator, phase: str) -> None:
    codes: dict[Person, str] = {}

    def is_verified(person: Person) -> bool:
        return [line.status for line in sinch.invoice() if line.to == person.phone_number] == ["SUCCESSFUL"]

    act = Act("report", lambda person: service.verify(person, codes[person]), is_verified)
    for _ in range(KILLS):
        people = [make_person(app) for _ in range(PEOPLE)]
        assert [service.request_code(person) for person in people] == [200] * PEOPLE
        codes |= {person: code_on_phone(sinch, person) for person in people}
        held_then_killed(service, sinch, people, act, phase)
        for person in people:
            assert [service.verify(person, codes[person]) for _ in range(2)] == [200, 401]


def test_a_wrong_code_whose_check_was_killed_counts(app: Flask, service: Service, sinch: Simulator) -> None:
    people = [make_person(app) for _ in range(PEOPLE)]
    assert [service.request_code(person) for person in people] == [200] * PEOPLE
    codes = {person: code_on_phone(sinch, person) for person in people}
    act = Act("report", lambda person: service.verify(person, wrong_code(codes[person])), lambda _: True)

    held_then_killed(service, sinch, people, act, "before")

    for person in people:
        tried = [service.verify(person, wrong_code(codes[person], number)) for number in range(2, 8)]
        assert tried == [401] * 4 + [429] * 2, "the killed try was the first of five"


def test_killed_before_the_provider_was_called(app: Flask, service: Service, sinch: Simulator) -> None:
    """The reservation is there, the call never left: after the cooldown at the latest there is a code."""
    person = make_person(app)
    sinch.set_fault("reset", "start", phase="before")
    service.request_code(person)
    service.kill()
    sinch.clear_faults()
    real_time.sleep(COOLDOWN_SECONDS)
    assert service.request_code(person) == 200
    assert service.verify(person, code_on_phone(sinch, person)) == 200


def test_killed_while_registering_and_signing_in(app: Flask, service: Service, sinch: Simulator) -> None:
    """Either there is a whole user or none: the client's next try tells, and the login works."""
    details = {"email": "killed@example.com", "password": "Correct-Horse-7", "phoneNumber": "+14155551999"}
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4):
        thread = threading.Thread(target=quietly, args=(lambda: service.post("/auth/register", details),))
        thread.start()
        real_time.sleep(pause)
        service.kill_worker()
        thread.join()
    assert service.post("/auth/register", details).status_code in {201, 409}
    answer = service.post("/auth/login", {"email": details["email"], "password": details["password"]}).json()
    assert answer["requiresOtp"] is True
    body = {"challengeToken": answer["challengeToken"], "otpCode": sinch.inbox("+14155551999")[0]["code"]}
    assert service.post("/auth/verify-otp", body).status_code == 200


@dataclass(frozen=True)
class Backend:
    """A backend of the service that is killed. It repeats a request, with the same key, until it has a response."""

    service: Service
    key: Key

    def post(self, path: str, body: dict[str, str], repeat_as: str) -> requests.Response:
        """Send a request once."""
        return self.service.post(path, body, Authorization=f"Bearer {self.key.text}", Idempotency_Key=repeat_as)

    def insist(self, path: str, body: dict[str, str], repeat_as: str) -> requests.Response:
        """Send a request until the response is no 503."""
        answers: list[requests.Response] = []

        def is_answered() -> bool:
            answers.append(self.post(path, body, repeat_as))
            return answers[-1].status_code != 503

        wait_until(is_answered)
        return answers[-1]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_backend_repeats_what_was_killed_and_each_thing_is_done_once(
    app: Flask, service: Service, sinch: Simulator, phase: str
) -> None:
    backend = Backend(service, make_key(app, Scope.VERIFICATIONS))
    people = [make_person(app) for _ in range(PEOPLE)]
    bodies = {person: {"phoneNumber": person.phone_number} for person in people}
    codes: dict[Person, tuple[str, str]] = {}

    def check(person: Person) -> tuple[str, dict[str, str], str]:
        verification_id, code = codes[person]
        return f"/verifications/{verification_id}/check", {"code": code}, f"check {person.id}".replace(" ", "-")

    def is_verified(person: Person) -> bool:
        return [line.status for line in sinch.invoice() if line.to == person.phone_number] == ["SUCCESSFUL"]

    start = Act(
        "start",
        lambda person: backend.post("/verifications", bodies[person], f"start-{person.id}"),
        lambda person: bool(sinch.inbox(person.phone_number)),
    )
    report = Act("report", lambda person: backend.post(*check(person)), is_verified)

    held_then_killed(service, sinch, people, start, phase)
    for person in people:
        started = backend.insist("/verifications", bodies[person], f"start-{person.id}")
        assert started.status_code == 201, started.text
        assert len(sinch.inbox(person.phone_number)) == 1
        codes[person] = started.json()["id"], code_on_phone(sinch, person)
    held_then_killed(service, sinch, people, report, phase)
    for person in people:
        answers = [backend.insist(*check(person)) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content
        assert backend.insist(*check(person)[:2], repeat_as=f"other-{person.id}").status_code == 410
