"""What asking the provider about a verification finds, and what a report of a code becomes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import fetch_all
from otp_service.simulator import Simulator
from otp_service.verifications import owner_of_user, provider, records
from otp_service.verifications.errors import ProviderUnavailable
from otp_service.verifications.models import Verification
from otp_service.verifications.provider import Standing, Verdict
from otp_service.verifications.records import Snapshot
from otp_service.verifications.states import State
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, wrong_code
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.one_database


@pytest.fixture
def person(api: Api) -> Person:
    """A person to whom a code was sent."""
    person = make_person(api.app)
    log_in(api, person)
    return person


def sent_to(person: Person) -> Snapshot:
    """The person's verification."""
    [row] = fetch_all(select(Verification.id).where(Verification.owner == owner_of_user(person.id)))
    return records.get(row.id)


def finding(app: Flask, person: Person) -> tuple[Standing, State | None]:
    with app.app_context():
        found = provider.find_standing(sent_to(person))
        return found.standing, found.state


def verdict(app: Flask, person: Person, code: str) -> Verdict:
    with app.app_context():
        return provider.report(sent_to(person), code).verdict


def test_a_code_on_its_way_is_pending_and_a_right_one_accepted(app: Flask, sinch: Simulator, person: Person) -> None:
    pending = finding(app, person)
    verdicts = [verdict(app, person, code_on_phone(sinch, person)) for _ in range(2)]

    assert pending == (Standing.PENDING, None)
    assert verdicts == [Verdict.RIGHT, Verdict.OVER]
    assert finding(app, person) == (Standing.ACCEPTED, None)


def test_a_code_past_its_time_has_ended(app: Flask, sinch: Simulator, time: Time, person: Person) -> None:
    code = code_on_phone(sinch, person)
    time.advance(3_600)

    assert verdict(app, person, code) is Verdict.OVER
    assert finding(app, person) == (Standing.ENDED, State.EXPIRED)


def test_a_code_that_the_next_one_replaced_has_ended(
    app: Flask, api: Api, sinch: Simulator, time: Time, person: Person
) -> None:
    with app.app_context():
        first = sent_to(person)
    time.advance(120)
    log_in(api, person)

    with app.app_context():
        found = provider.find_standing(first)

    assert (found.standing, found.state) == (Standing.ENDED, State.SUPERSEDED)


def test_a_verification_that_the_provider_never_saw_is_absent(app: Flask, sinch: Simulator, person: Person) -> None:
    sinch.set_fault("status", "status", status_code=404)

    assert finding(app, person) == (Standing.ABSENT, None)


def test_a_provider_that_does_not_say_leaves_it_unknown(app: Flask, sinch: Simulator, person: Person) -> None:
    sinch.set_fault("reset", "status")

    assert finding(app, person) == (Standing.UNKNOWN, None)
    with app.app_context(), pytest.raises(ProviderUnavailable):
        provider.get_standing(sent_to(person))


def test_a_response_about_another_verification_grants_nothing(app: Flask, sinch: Simulator, person: Person) -> None:
    verdict(app, person, code_on_phone(sinch, person))
    with app.app_context():
        ours = sent_to(person)
        other = keyring().seal("another-verification", context=f"verifications.provider_id:{ours.id}")

        found = provider.find_standing(replace(ours, provider_id=other))

    assert found.standing is Standing.UNKNOWN


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status_code": 429, "phase": "before"}, Verdict.UNSEEN),
        ({"kind": "reset", "phase": "after"}, Verdict.LOST),
        ({"kind": "garbage", "phase": "after"}, Verdict.LOST),
        ({"kind": "status", "status_code": 500, "phase": "before"}, Verdict.LOST),
    ],
)
def test_a_report_without_a_verdict_says_whether_the_provider_may_have_looked(
    app: Flask, sinch: Simulator, person: Person, fault: dict[str, Any], expected: Verdict
) -> None:
    sinch.set_fault(operation="report", **fault)

    assert verdict(app, person, code_on_phone(sinch, person)) is expected


def test_a_wrong_code_is_wrong(app: Flask, sinch: Simulator, person: Person) -> None:
    assert verdict(app, person, wrong_code(code_on_phone(sinch, person))) is Verdict.WRONG


def test_a_refusal_by_our_own_bound_is_no_failure_of_the_provider(
    make_app: MakeApp, sinch: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    busy = make_app(SINCH_CONCURRENCY="1", SINCH_WAIT="0")
    first, second = make_person(busy), make_person(busy)
    sinch.set_fault("stall", "start", seconds=PATIENCE_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(log_in, Api(busy), first)
        wait_until(lambda: sinch.count("start") == 1)
        refused = log_in(Api(busy), second)
        events = [record.message for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
        sinch.clear_faults()
        held.result()

    assert refused["otpErrorCode"] == "provider_unavailable"
    assert "provider.busy" in events
    assert "provider.failed" not in events
