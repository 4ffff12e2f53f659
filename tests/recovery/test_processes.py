"""Resets while processes stop or are killed."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from otp_service.verifications import overview, owner_of_user
from otp_service.verifications.states import State
from tests.api import Api
from tests.crash.service import Service, quietly
from tests.factories import PASSWORD, Person, code_on_phone, make_person
from tests.recovery.resets import NEW, can_sign_in
from tests.waiting import wait_until

pytestmark = pytest.mark.each_case


@pytest.fixture
def service(app: Flask, environment: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    """The service in processes of its own, on the database of the test."""
    with Service({**environment, "GUNICORN_THREADS": "8"}, tmp_path / "gunicorn.log") as running:
        yield running


def confirm(service: Service, person: Person, code: str) -> int:
    body = {"email": person.email, "otpCode": code, "newPassword": NEW}
    return service.post("/auth/password-reset/confirm", body).status_code


def is_sent(app: Flask, person: Person) -> bool:
    with app.app_context():
        return bool(overview.list_records(owner=owner_of_user(person.id), state=State.SENT, limit=1))


def test_a_stopping_process_sends_what_it_has_promised(
    app: Flask, environment: dict[str, str], sinch: Simulator, tmp_path: Path
) -> None:
    person = make_person(app, is_verified=True)
    sinch.set_fault("latency", "start", seconds=1)
    # However slow the machine is: gunicorn kills a worker that has not finished by then.
    patient = {**environment, "GUNICORN_CMD_ARGS": "--graceful-timeout 3600"}
    with Service(patient, tmp_path / "gunicorn.log") as service:
        assert service.post("/auth/password-reset", {"email": person.email}).status_code == 202
    code = code_on_phone(sinch, person)
    body = {"email": person.email, "otpCode": code, "newPassword": NEW}
    assert Api(app).post("/auth/password-reset/confirm", body).status_code == 204


@pytest.mark.parametrize("phase", ["before", "after"])
def test_killed_while_resetting_the_password_is_the_old_or_the_new_one(
    app: Flask, service: Service, sinch: Simulator, phase: str
) -> None:
    api, person = Api(app), make_person(app, is_verified=True)
    assert service.post("/auth/password-reset", {"email": person.email}).status_code == 202
    wait_until(lambda: is_sent(app, person))  # and not only on the phone: else the code's own check asks for its status
    code = code_on_phone(sinch, person)
    # The question after a report without a response stalls as well: its answer would set the password before the kill.
    sinch.set_fault("stall", "report", seconds=600, phase=phase)
    sinch.set_fault("stall", "status", seconds=600, phase="before")
    thread = threading.Thread(target=quietly, args=(lambda: confirm(service, person, code),))
    thread.start()
    wait_until(lambda: sinch.count("report") == 1)
    if phase == "after":  # a call is counted when it arrives, and carried out a moment later
        wait_until(
            lambda: [line.status for line in sinch.invoice() if line.to == person.phone_number] == ["SUCCESSFUL"]
        )
    service.kill_worker()
    thread.join()
    sinch.clear_faults()
    assert can_sign_in(api, person.email, PASSWORD)
    assert confirm(service, person, code) == 204
    assert confirm(service, person, code) == 401
    assert can_sign_in(api, person.email, NEW)
    assert not can_sign_in(api, person.email, PASSWORD)
