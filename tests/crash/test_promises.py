"""`kill -9` between a response that promises a code and the code: it leaves nevertheless, once."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from otp_service.core import background
from otp_service.core.tasks import LEASE
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.crash.service import Service
from tests.factories import Person, code_on_phone, make_person
from tests.recovery.resets import confirm, messages_to, verify_address
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.each_case

HIDDEN = {"HIDE_ACCOUNT_EXISTENCE": "true", "OTP_COOLDOWN": "0"}


@pytest.fixture
def service(app: Flask, environment: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    """The service in processes of its own. Without a cooldown, a second message would leave if one were asked for."""
    with Service({**environment, **HIDDEN}, tmp_path / "gunicorn.log") as running:
        yield running


def carry_out_what_is_left(app: Flask, time: Time) -> None:
    """What a worker does once the lease of the killed process is over."""
    time.advance(LEASE.total_seconds() + 1)
    with app.app_context():
        for _ in range(2):
            background.carry_out_due()


def kill_after_the_message(service: Service, sinch: Simulator, person: Person, path: str) -> None:
    """Kill the service when the message has left, and the service has not heard of it."""
    sinch.set_fault("stall", "start", seconds=600, phase="after")
    sinch.set_fault("stall", "status", seconds=600, phase="before")
    assert service.post(path, {"email": person.email}).status_code in {200, 202}
    wait_until(lambda: sinch.inbox(person.phone_number))
    service.kill_all()
    sinch.clear_faults()


@contextmanager
def deaf_provider() -> Iterator[socket.socket]:
    """Takes connections and hears nothing: what is sent to it has not arrived anywhere."""
    with socket.create_server(("127.0.0.1", 0)) as provider:
        provider.settimeout(PATIENCE_SECONDS)
        yield provider


def test_a_reset_that_was_promised_has_its_codes_once(
    app: Flask, service: Service, sinch: Simulator, time: Time
) -> None:
    api, person = Api(app), make_person(app, is_verified=True)
    verify_address(app, person)
    kill_after_the_message(service, sinch, person, "/auth/password-reset")

    carry_out_what_is_left(app, time)

    assert len(sinch.inbox(person.phone_number)) == 1
    assert messages_to(app, person.email).count("recovery_code") == 1
    asked = confirm(api, person.email, code_on_phone(sinch, person))
    assert (asked.status_code, asked.json["code"]) == (403, "second_factor_required")


def test_a_code_that_was_announced_by_name_leaves_once(
    app: Flask, service: Service, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    kill_after_the_message(service, sinch, person, "/auth/request-otp")

    carry_out_what_is_left(app, time)

    assert len(sinch.inbox(person.phone_number)) == 1
    body = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
    assert Api(app).post("/auth/verify-otp", body).status_code == 200


@pytest.mark.parametrize("path", ["/auth/password-reset", "/auth/request-otp"])
def test_a_promised_code_leaves_although_its_call_never_arrived(
    app: Flask, environment: dict[str, str], sinch: Simulator, time: Time, tmp_path: Path, path: str
) -> None:
    person = make_person(app, is_verified=True)
    with deaf_provider() as provider:
        address = f"http://127.0.0.1:{provider.getsockname()[1]}"
        settings = {**environment, **HIDDEN, "SINCH_BASE_URL": address, "SINCH_TIMEOUT_MS": "7000"}
        with Service(settings, tmp_path / "gunicorn.log") as service:
            assert service.post(path, {"email": person.email}).status_code in {200, 202}
            call, _ = provider.accept()
            with call:
                service.kill_all()

    carry_out_what_is_left(app, time)

    assert len(sinch.inbox(person.phone_number)) == 1
