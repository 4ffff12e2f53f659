"""`kill -9` between a response that promises a code and the code: it leaves nevertheless, once."""

from collections.abc import Iterator
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
from tests.waiting import wait_until

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


def kill_while_sending(service: Service, sinch: Simulator, person: Person, path: str, phase: str) -> None:
    """Kill the service while the provider holds its call, before or after the message left."""
    sinch.set_fault("stall", "any", seconds=600, phase=phase)
    assert service.post(path, {"email": person.email}).status_code in {200, 202}
    wait_until(lambda: sinch.count("start") == 1)
    if phase == "after":  # a call is counted when it arrives, and carried out a moment later
        wait_until(lambda: sinch.inbox(person.phone_number))
    service.kill_all()
    sinch.clear_faults()


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_reset_that_was_promised_has_its_codes_once(
    app: Flask, service: Service, sinch: Simulator, time: Time, phase: str
) -> None:
    api, person = Api(app), make_person(app, is_verified=True)
    verify_address(app, person)
    kill_while_sending(service, sinch, person, "/auth/password-reset", phase)

    carry_out_what_is_left(app, time)

    assert len(sinch.inbox(person.phone_number)) == 1
    assert messages_to(app, person.email).count("recovery_code") == 1
    asked = confirm(api, person.email, code_on_phone(sinch, person))
    assert (asked.status_code, asked.json["code"]) == (403, "second_factor_required")


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_code_that_was_announced_by_name_leaves_once(
    app: Flask, service: Service, sinch: Simulator, time: Time, phase: str
) -> None:
    api, person = Api(app), make_person(app)
    kill_while_sending(service, sinch, person, "/auth/request-otp", phase)

    carry_out_what_is_left(app, time)

    assert len(sinch.inbox(person.phone_number)) == 1
    body = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200
