"""The events of verifications in the audit trail, which hooks send on: one for each thing that happened."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from otp_service.verifications import sweeping
from tests.backends.verifications.shops import Shop, code_at, outcomes
from tests.conftest import Time
from tests.factories import new_number, wrong_code
from tests.parallel import at_once


def approve(shop: Shop, sinch: Simulator, number: str, verification_id: str) -> None:
    shop.check(verification_id, code_at(sinch, number))


def fail(shop: Shop, sinch: Simulator, number: str, verification_id: str) -> None:
    for tried in range(1, 8):
        shop.check(verification_id, wrong_code(code_at(sinch, number), tried))


def cancel(shop: Shop, sinch: Simulator, number: str, verification_id: str) -> None:
    for _ in range(2):
        shop.end(verification_id)


@pytest.mark.parametrize(("act", "outcome"), [(approve, "approved"), (fail, "failed"), (cancel, "cancelled")])
def test_what_became_of_a_verification_is_one_event_that_names_it(
    app: Flask, shop: Shop, sinch: Simulator, act: Callable[..., None], outcome: str
) -> None:
    number = new_number()
    verification_id = shop.started(number, reference="o-9")["id"]

    act(shop, sinch, number, verification_id)

    named: dict[str, Any] = {
        "verificationId": verification_id,
        "app": shop.name,
        "reference": "o-9",
        "phoneNumber": f"+1******{number[-4:]}",
    }
    assert outcomes(app) == [("verification.sent", named), (f"verification.{outcome}", named)]


def test_a_verification_past_its_time_is_expired_by_the_sweep(app: Flask, shop: Shop, time: Time) -> None:
    shop.started()
    time.advance(301)

    with app.app_context():
        for _ in range(2):
            sweeping.sweep()

    assert [event for event, _ in outcomes(app)] == ["verification.sent", "verification.expired"]


def test_a_message_that_could_not_be_sent_is_an_event(app: Flask, shop: Shop, sinch: Simulator) -> None:
    sinch.set_fault("status", "start", status_code=402, times=1)

    shop.start(reference="o-3")

    [(event, facts)] = outcomes(app)
    assert (event, facts["reference"]) == ("verification.undelivered", "o-3")


def test_each_message_of_a_verification_is_an_event(app: Flask, shop: Shop, time: Time) -> None:
    verification_id = shop.started()["id"]
    time.advance(120)

    shop.resend(verification_id)

    assert [(event, facts["verificationId"]) for event, facts in outcomes(app)] == [
        ("verification.sent", verification_id)
    ] * 2


def test_of_parallel_checks_and_sweeps_one_writes_the_event(
    app: Flask, shop: Shop, sinch: Simulator, time: Time
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)

    at_once(10, lambda _: shop.check(verification_id, code))

    assert [event for event, _ in outcomes(app)] == ["verification.sent", "verification.approved"]


def test_an_apps_codes_are_in_no_persons_trail_and_no_code_is_in_it(app: Flask, shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    shop.check(verification_id, code_at(sinch, number))

    assert number not in str(outcomes(app))
    assert code_at(sinch, number) not in str([facts for _, facts in outcomes(app)]).replace(number[-4:], "")
