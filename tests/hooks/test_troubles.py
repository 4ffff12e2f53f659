"""What `flask doctor` says about hooks."""

import json
from typing import Any

from flask import Flask

from otp_service.hooks import troubles
from tests.conftest import Time
from tests.hooks.receiver import Receiver
from tests.hooks.sending import add_hook, happen, work


def found(app: Flask) -> list[str]:
    with app.app_context():
        return troubles.find()


def doctors_finding(app: Flask) -> dict[str, Any]:
    result = app.test_cli_runner().invoke(args=["doctor", "--json"])
    findings = json.loads(result.stdout)["findings"]
    return next(finding for finding in findings if finding["name"] == "hooks")


def test_a_hook_that_gets_its_events_is_no_trouble(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url)
    happen(service)
    work(service)

    assert doctors_finding(service)["health"] == "ok"


def test_the_doctor_names_a_hook_whose_events_wait_for_long(service: Flask, receiver: Receiver, time: Time) -> None:
    hook_id = add_hook(service, receiver.url)
    receiver.status = 500
    happen(service)
    work(service)
    assert found(service) == []

    time.advance(11 * 60)

    finding = doctors_finding(service)
    assert (finding["health"], f"127.0.0.1 ({hook_id}): 1 waiting since" in finding["detail"]) == ("warning", True)


def test_the_doctor_names_an_enabled_hook_whose_address_is_refused(app: Flask, service: Flask) -> None:
    hook_id = add_hook(service, "http://127.0.0.1:9/hooks")

    refused = doctors_finding(app)

    leads = f"127.0.0.1 ({hook_id}): leads to a loopback address. To allow that, put HOOKS_ALLOW_PRIVATE=true into .env"
    assert (refused["health"], leads in refused["detail"]) == ("warning", True)
    assert found(service) == []


def test_the_doctor_names_a_hook_that_a_receiver_had_disabled_and_what_was_given_up(
    service: Flask, receiver: Receiver
) -> None:
    add_hook(service, receiver.url)
    receiver.status = 410
    happen(service)
    work(service)

    (trouble,) = found(service)
    assert trouble.endswith("1 given up, disabled: the receiver responded 410 Gone")
