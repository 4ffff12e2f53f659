"""What each message counts in the ledger: reserved, handed over, given back, corrected, each exactly once."""

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from otp_service.core.database.transactions import transaction
from otp_service.providers import Channel, Price
from otp_service.simulator import Simulator
from otp_service.spending import expected_price
from otp_service.verifications import end_codes, owner_of_user, receipts
from tests.api import Api
from tests.backends.verifications.shops import Shop
from tests.codes import new_code, request_code, verify
from tests.conftest import MakeApp, Time
from tests.factories import Person, make_person, new_number
from tests.gateways import gateway_of, rows_of
from tests.parallel import at_once
from tests.spending.days import US, invoiced, rows, spent, sweep

pytestmark = pytest.mark.usefixtures("midday")


def only_row(app: Flask, person: Person) -> Any:
    (row,) = rows_of(app, person)
    return row


def test_a_message_counts_in_total_for_its_country_and_for_its_owner(app: Flask, api: Api) -> None:
    person, shop = make_person(app), Shop(app)

    request_code(api, person)
    shop.started(new_number())

    days = rows(app)
    assert {subject: row.spent for subject, row in days.items()} == {
        "total": 890, "country:US": 890, "people": 445, f"app:{shop.name}": 445
    }  # fmt: skip
    assert {(row.messages, row.reserved, row.billed, row.given_back) for row in days.values()} == {
        (2, 890, 0, 0), (1, 445, 0, 0)
    }  # fmt: skip


def test_a_message_that_surely_did_not_leave_is_given_back_once(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sinch.set_fault("status", "start", status_code=429, times=2)

    request_code(api, person)
    request_code(api, person)

    assert spent(app) == Decimal(0)
    assert (rows(app)["total"].reserved, rows(app)["total"].given_back) == (890, 890)


def test_a_message_whose_outcome_is_unknown_stays_reserved_until_the_sweep_asks(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    arrived, lost = make_person(app), make_person(app)
    sinch.set_fault("status", "start", status_code=500, phase="after", number=arrived.phone_number, times=9)
    sinch.set_fault("garbage", "status", times=9)
    sinch.set_fault("reset", "start", phase="before", number=lost.phone_number, times=9)

    request_code(api, arrived)
    request_code(api, lost)
    assert spent(app) == 2 * US
    sinch.clear_faults()
    time.advance(301)
    sweep(app)

    assert spent(app) == US == invoiced(sinch, arrived.phone_number, lost.phone_number)


def test_a_message_that_was_superseded_before_the_provider_saw_it_is_given_back_by_the_sweep(
    app: Flask, api: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(app)
    sinch.set_fault("reset", "start", phase="before", times=9)
    request_code(api, person)
    with app.app_context(), transaction():
        end_codes(owner_of_user(person.id))
    assert (only_row(app, person).state, spent(app)) == ("superseded", US)
    sinch.clear_faults()

    time.advance(11)
    sweep(app)
    sweep(app)

    assert (spent(app), rows(app)["total"].given_back) == (Decimal(0), 445)


def test_money_is_given_back_once_and_a_late_bill_counts_again(app: Flask, api: Api) -> None:
    person = make_person(app)
    request_code(api, person)
    verification_id = only_row(app, person).id

    def give_back(_: int) -> None:
        with app.app_context():
            receipts.give_money_back(verification_id)

    at_once(4, give_back)
    after = rows(app)["total"]
    with app.app_context():
        receipts.set_price(verification_id, Price(Decimal("0.06"), "EUR"))
        receipts.give_money_back(verification_id)

    assert (after.spent, after.given_back) == (0, 445)
    assert {(row.spent, row.billed, row.given_back) for row in rows(app).values()} == {(600, 600, 445)}


def test_the_billed_price_replaces_the_expected_one_and_the_next_message_expects_it(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(SINCH_PRICES="*=0.02")
    api, person = Api(app), make_person(app)
    verify(api, person, new_code(api, sinch, person))
    assert spent(app) == Decimal("0.02")

    sweep(app)

    assert spent(app) == US
    assert (rows(app)["total"].billed, rows(app)["total"].reserved) == (445, 200)
    request_code(api, make_person(app))
    assert spent(app) == 2 * US


def test_a_bill_lowers_no_expected_price_and_a_high_one_is_outdated_after_a_week(make_app: MakeApp, time: Time) -> None:
    app = make_app(SINCH_PRICES="*=0.02")
    expected = []

    for amount, days in (("0.01", 0), ("0.09", 0), ("0.05", 1), ("0.05", 8)):
        time.advance(days * 86_400)
        person = make_person(app)
        request_code(Api(app), person)
        with app.app_context():
            receipts.set_price(only_row(app, person).id, Price(Decimal(amount), "EUR"))
        request_code(Api(app), make_person(app))  # brings back what is stored
        with app.app_context():
            expected.append(expected_price("sinch", Channel.SMS, "US"))

    assert expected == [Decimal(price) for price in ("0.02", "0.09", "0.09", "0.05")]


def bill(app: Flask, amount: str, currency: str = "EUR") -> None:
    person = make_person(app)
    request_code(Api(app), person)
    with app.app_context():
        receipts.set_price(only_row(app, person).id, Price(Decimal(amount), currency))


def expected_by_next(app: Flask) -> Decimal:
    request_code(Api(app), make_person(app))  # brings back what is stored
    with app.app_context():
        return expected_price("sinch", Channel.SMS, "US")


def test_a_bill_that_is_a_week_old_counts_no_more_even_while_the_cap_lets_no_message_pass(
    make_app: MakeApp, time: Time
) -> None:
    app = make_app(SINCH_PRICES="*=0.02", SPEND_PER_DAY="0.09", SPEND_RESERVED_FOR_SIGN_INS="0")
    bill(app, "0.10")

    codes = []
    for days in (1, 6, 1):
        time.advance(days * 86_400)
        codes.append(request_code(Api(app), make_person(app)).json.get("code"))

    assert codes == ["spend_cap_reached", "spend_cap_reached", None]
    assert expected_by_next(app) == Decimal("0.02")


def test_a_bill_that_comes_again_counts_a_week_from_its_last_day(make_app: MakeApp, time: Time) -> None:
    app = make_app(SINCH_PRICES="*=0.02")
    for days in (0, 5):
        time.advance(days * 86_400)
        bill(app, "0.09")

    time.advance(5 * 86_400)

    assert expected_by_next(app) == Decimal("0.09")


def test_an_odd_bill_raises_the_expected_price_to_five_times_the_listed_one_and_the_log_says_so_once(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(SINCH_PRICES="*=0.02")

    for _ in range(2):
        bill(app, "750")

    assert expected_by_next(app) == Decimal("0.10")
    assert [vars(record)["expected"] for record in caplog.records if record.message == "spend.odd_price"] == ["0.10"]


def test_a_bill_in_a_currency_without_a_rate_teaches_no_price_and_the_log_names_it_once(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(SINCH_PRICES="*=0.02")

    for _ in range(2):
        bill(app, "0.09", "IDR")

    assert expected_by_next(app) == Decimal("0.02")
    assert [vars(record)["currency"] for record in caplog.records if record.message == "spend.no_rate"] == ["IDR"]


def test_another_process_expects_the_billed_price_one_message_later(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app, other = make_app(SINCH_PRICES="*=0.02"), make_app(SINCH_PRICES="*=0.02")
    person = make_person(app)
    verify(Api(app), person, new_code(Api(app), sinch, person))
    sweep(app)

    reserved = []
    for _ in range(2):
        request_code(Api(other), make_person(app))
        reserved.append(rows(app)["total"].reserved)

    assert reserved == [200 + 200, 200 + 200 + 445]


def test_a_price_that_comes_many_times_at_once_is_counted_once(app: Flask, api: Api) -> None:
    person = make_person(app)
    request_code(api, person)
    verification_id = only_row(app, person).id

    def bill(_: int) -> None:
        with app.app_context():
            receipts.set_price(verification_id, Price(Decimal("0.10"), "EUR"))

    at_once(8, bill)

    assert {(row.spent, row.billed) for row in rows(app).values()} == {(1000, 1000)}


def test_a_later_price_replaces_the_earlier_one_on_the_day_of_the_message(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    request_code(api, person)
    verification_id = only_row(app, person).id
    time.advance(86_400)

    with app.app_context():
        receipts.set_price(verification_id, Price(Decimal("0.10"), "EUR"))
        assert not receipts.set_price(verification_id, Price(Decimal("0.07"), "EUR"), only_first=True)
        receipts.set_price(verification_id, Price(Decimal("0.05"), "EUR"))

    assert {(row.spent, row.billed, row.messages) for row in rows(app).values()} == {(500, 500, 1)}


def test_a_gateways_price_is_counted_with_its_response(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(**gateway_of(sinch), HTTP_GATEWAY_PRICES="US=0.0125")

    request_code(Api(app), make_person(app))

    assert {(row.spent, row.billed) for row in rows(app).values()} == {(125, 125)}


def test_a_message_that_goes_to_another_provider_counts_at_the_price_there(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(**gateway_of(sinch, "sinch,http"), HTTP_GATEWAY_PRICES="US=0.30")
    sinch.set_fault("status", "start", status_code=429, times=9)

    assert request_code(Api(app), make_person(app)).status_code == 200

    assert {(row.spent, row.reserved, row.given_back, row.messages) for row in rows(app).values()} == {
        (3000, 3445, 445, 1)
    }  # fmt: skip
