"""Sweeping: lost sends, old codes, late prices; and the commands that show them."""

import json
import uuid
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from flask import Flask
from sqlalchemy import select, update

from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.simulator import Simulator, SimulatorSettings, running
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from otp_service.verifications import owner_of_user, sweeping
from otp_service.verifications.models import Verification
from otp_service.verifications.sweeping import Swept
from tests.api import Api
from tests.codes import request_code, verify
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, make_person, wrong_code


def sweep(app: Flask) -> Swept:
    with app.app_context():
        return sweeping.sweep()


def states(app: Flask, person: Person) -> list[str]:
    with app.app_context():
        statement = select(Verification.state).where(Verification.owner == owner_of_user(person.id))
        return [row.state for row in fetch_all(statement.order_by(Verification.created_at))]


def prices(app: Flask) -> dict[str, Decimal | None]:
    """What we believe each verification cost, by reference."""
    with app.app_context():
        return {str(row.id): row.price_amount for row in fetch_all(select(Verification.id, Verification.price_amount))}


def bill(app: Flask, sinch: Simulator) -> dict[str, Decimal]:
    """What the provider says our verifications cost, by reference."""
    return {line.reference: line.price for line in sinch.invoice() if line.reference in prices(app)}


def forget_the_receipt(app: Flask, person: Person) -> None:
    """As if the process had died between the provider's answer and its record."""
    with app.app_context(), transaction():
        values = {"state": "reserved", "provider_id": None, "sent_at": None}
        execute(update(Verification).where(Verification.owner == owner_of_user(person.id)).values(**values))


def reserve_without_a_call(api: Api, sinch: Simulator, person: Person) -> None:
    """As if the process had died between the reservation and the call."""
    assert request_code(api, person).status_code == 200
    sinch.clear_inbox()
    with api.app.app_context(), transaction():
        values = {"id": uuid.uuid4(), "state": "reserved", "provider_id": None, "sent_at": None}
        execute(update(Verification).where(Verification.owner == owner_of_user(person.id)).values(**values))


def test_a_code_whose_send_was_never_recorded_works(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    request_code(api, person)
    forget_the_receipt(app, person)
    assert verify(api, person, code_on_phone(sinch, person)).status == 200


def test_a_wrong_code_on_a_lost_send_counts(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    request_code(api, person)
    forget_the_receipt(app, person)
    code = code_on_phone(sinch, person)
    assert [verify(api, person, wrong_code(code, number)).status for number in range(1, 6)] == [401] * 5
    assert verify(api, person, code).status == 429


def test_the_sweep_settles_a_send_that_reached_the_phone(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    request_code(api, person)
    forget_the_receipt(app, person)
    time.advance(11)
    assert sweep(app).settled == 1
    assert states(app, person) == ["sent"]
    assert request_code(api, person).status_code == 429


def test_the_sweep_gives_the_cooldown_of_a_send_that_never_left_back(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    reserve_without_a_call(api, sinch, person)
    assert sweep(app).settled == 0, "it may still be under way"
    time.advance(11)
    assert sweep(app).settled == 1
    assert states(app, person) == ["undelivered"]
    assert request_code(api, person).status_code == 200


def test_the_next_request_settles_a_send_that_never_left(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    reserve_without_a_call(api, sinch, person)
    assert request_code(api, person).status_code == 429
    time.advance(11)
    assert request_code(api, person).status_code == 200
    assert states(app, person) == ["undelivered", "sent"]
    assert verify(api, person, code_on_phone(sinch, person)).status == 200


def test_the_sweep_closes_old_codes(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    request_code(api, person)
    assert sweep(app).closed == 0
    time.advance(301)
    assert sweep(app).closed == 1
    assert states(app, person) == ["expired"]


def test_after_the_sweep_our_prices_are_the_providers_bill(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    american, british = make_person(app), make_person(app, phone_number="+447400123456")
    for person in (american, british):
        request_code(api, person)
    verify(api, american, code_on_phone(sinch, american))
    time.advance(301)
    assert sweep(app).priced == 2
    assert prices(app) == bill(app, sinch)
    assert all(isinstance(price, Decimal) for price in prices(app).values())
    assert sweep(app) == Swept()


def test_a_code_that_another_replaced_before_anybody_knew_of_it_has_its_price(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    sinch.set_fault("reset", "start", phase="after", times=1)
    sinch.set_fault("status", "status", status_code=500)
    assert request_code(api, person).status_code == 503
    sinch.clear_faults()
    assert request_code(api, person).status_code == 200
    time.advance(301)
    assert sweep(app).settled == 1
    assert states(app, person) == ["superseded", "expired"]
    assert len(prices(app)) == 2
    assert prices(app) == bill(app, sinch)


def test_a_sweep_without_the_provider_leaves_the_rest_for_the_next(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    request_code(api, person)
    time.advance(301)
    sinch.set_fault("status", "status", status_code=500)
    assert len(sweep(app).failed) == 1
    assert states(app, person) == ["sent"]
    sinch.clear_faults()
    assert sweep(app).closed == 1


def test_the_command_sweeps_and_tells_in_json(app: Flask, api: Api, time: Time) -> None:
    request_code(api, make_person(app))
    time.advance(301)
    result = app.test_cli_runner().invoke(args=["otp", "sweep", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"settled": 0, "closed": 1, "priced": 1, "failed": []}


def test_the_command_ends_with_1_when_something_is_left(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    request_code(api, make_person(app))
    time.advance(301)
    sinch.set_fault("status", "status", status_code=500)
    result = app.test_cli_runner().invoke(args=["otp", "sweep"])
    assert result.exit_code == 1
    assert "1 left for the next sweep" in result.stdout


def test_operators_see_verifications_without_codes_or_whole_numbers(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    request_code(api, person)
    code = code_on_phone(sinch, person)
    verify(api, person, wrong_code(code))
    runner = app.test_cli_runner()
    listed = runner.invoke(args=["otp", "list", "--user", person.email, "--json"])
    [record] = json.loads(listed.stdout)
    assert (record["state"], record["attempts"], record["channel"]) == ("sent", 1, "sms")
    shown = runner.invoke(args=["otp", "show", record["id"]])
    assert "wrong" in shown.stdout
    for text in (listed.stdout, shown.stdout, runner.invoke(args=["otp", "list"]).stdout):
        assert person.phone_number not in text
    assert runner.invoke(args=["otp", "show", str(uuid.uuid4())]).exit_code == 1


def test_a_missing_price_is_asked_for_ever_more_seldom(make_app: MakeApp, time: Time) -> None:
    late = SimulatorSettings(DEMO_KEY, DEMO_SECRET, timestamp_tolerance_seconds=10**9, price_delay_seconds=900)
    with running(late) as sinch:
        app = make_app(SINCH_BASE_URL=sinch.base_url)
        person = make_person(app)
        request_code(Api(app), person)
        verify(Api(app), person, code_on_phone(sinch, person))
        priced, asked = 0, []
        for minute in range(1, 36):
            time.advance(60)
            sinch.advance(60)
            sinch.clear_calls()
            priced += sweep(app).priced
            asked += [minute] * sinch.count("status")
    assert priced == 1
    assert len(asked) >= 4
    assert all(later >= 2 * earlier for earlier, later in pairwise(asked))


def test_prices_are_not_asked_for_for_ever(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(app)
    request_code(api, person)
    verify(api, person, code_on_phone(sinch, person))
    with app.app_context(), transaction():
        execute(update(Verification).values(created_at=clock.now() - timedelta(days=3)))
    assert sweep(app) == Swept()
