"""A form is pumped through HTTP: the range is cut off, honest ones stay open, and the block ends by itself."""

import logging

import pytest
from flask import Flask

from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.fraud import sends
from otp_service.fraud.screening import CREDIT_OF_NEW_SERVICE
from otp_service.fraud.sends import Outcome
from otp_service.simulator import Simulator
from tests.api import Api
from tests.backends.verifications.shops import Shop, code_at
from tests.conftest import MakeApp, Time
from tests.factories import log_in, make_person
from tests.fraud.traffic import HONEST, PUMPED, add_honest, add_sends, events, fold, pump, told
from tests.parallel import at_once
from tests.round_trips import listening


def test_a_pumped_range_is_cut_off_and_an_honest_one_stays_open(app: Flask, sinch: Simulator, time: Time) -> None:
    add_honest(app)
    shop = Shop(app)

    answers = pump(shop, time, 40)
    refused = [body for status, body in answers if status != 201]

    assert [status for status, _ in answers[-5:]] == [403] * 5
    assert len(sinch.inbox()) == 40 - len(refused)
    assert {(body["code"], body["reason"]) for body in refused} == {("destination_blocked", "prefix_not_verifying")}
    assert all(body["retryAfter"] >= 1 for body in refused)
    assert shop.start(f"{HONEST}0000", clientIp="192.0.2.1").status_code == 201


def test_a_customer_signs_in_although_the_range_is_cut_off(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    add_honest(app)
    add_sends(app)
    assert [status for status, _ in pump(Shop(app), time, 4)][-1] == 403
    customer = make_person(app, is_verified=True, phone_number=f"{PUMPED}9001")
    newcomer = make_person(app, phone_number=f"{PUMPED}9002")

    assert "otpError" not in log_in(api, customer)
    assert log_in(api, newcomer)["otpErrorCode"] == "destination_blocked"


def test_a_new_service_has_a_credit_before_it_refuses_its_first_customers(
    app: Flask, sinch: Simulator, time: Time
) -> None:
    statuses = [status for status, _ in pump(Shop(app), time, 70)]

    paid = statuses.index(403)
    assert paid == CREDIT_OF_NEW_SERVICE // 0.085
    assert set(statuses[:paid]) == {201}
    assert statuses.count(403) >= 10


def test_a_block_is_told_once_and_ends_by_itself(app: Flask, sinch: Simulator, time: Time) -> None:
    add_sends(app)
    shop = Shop(app)
    assert [status for status, _ in pump(shop, time, 4)] == [201, 403, 403, 403], "the first one is a probe"
    blocks = told(app, "status")["blocks"]

    time.advance(7 * 86_400)
    fold(app)
    fold(app)

    assert (blocks[0]["refused"], blocks[0]["moneySaved"], blocks[0]["isEnforced"]) == (3, 0.255, True)
    assert [one["key"] for one in events(app, "fraud.block_started")] == [blocks[0]["key"].replace("+", "")]
    assert [one["because"] for one in events(app, "fraud.block_ended")] == ["decayed"]
    assert told(app, "status")["blocks"] == []
    assert shop.start(f"{PUMPED}9999").status_code == 201


def test_in_shadow_mode_everything_is_sent_and_the_decisions_are_recorded(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(FRAUD_MODE="shadow")
    add_sends(app)

    answers = pump(Shop(app), time, 4)
    status = told(app, "status")

    assert [status for status, _ in answers] == [201] * 4
    assert (status["mode"], status["enforces"], status["refused"]) == ("shadow", "nothing", 0)
    assert [block["isEnforced"] for block in status["blocks"]] == [False]
    assert [one["isEnforced"] for one in events(app, "fraud.block_started")] == [False]
    assert told(app, "explain", f"{PUMPED}0001")["decision"] == "deny"


def test_off_means_no_statement(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(FRAUD_MODE="off")
    shop = Shop(app)

    with listening(app) as asked:
        verification_id = shop.started(f"{PUMPED}0000")["id"]
        assert shop.check(verification_id, code_at(sinch, f"{PUMPED}0000")).status_code == 200

    assert [statement for statement in asked.statements if "fraud" in statement] == []


def test_what_a_probe_shows_is_learned_and_opens_the_range(app: Flask, sinch: Simulator, time: Time) -> None:
    add_sends(app)
    shop = Shop(app)
    pump(shop, time, 2)
    blocked = told(app, "explain", f"{PUMPED}0500")

    for number in range(500, 512):
        time.advance(1_800)
        answer = shop.start(f"{PUMPED}{number:04d}", clientIp="192.0.2.1")
        if answer.status_code == 201:
            assert shop.check(answer.json["id"], code_at(sinch, f"{PUMPED}{number:04d}")).status_code == 200

    opened = told(app, "explain", f"{PUMPED}0500")
    assert (blocked["decision"], opened["decision"]) == ("deny", "allow")
    assert opened["depths"][0]["verified"] > 1


def test_a_sign_in_to_a_blocked_range_succeeds_without_a_code(app: Flask, api: Api, sinch: Simulator) -> None:
    add_sends(app)
    probe, refused = (make_person(app, phone_number=f"{PUMPED}{number}") for number in ("0998", "0999"))

    answers = [log_in(api, probe), log_in(api, refused)]

    assert [answer.get("otpErrorCode") for answer in answers] == [None, "destination_blocked"]
    assert all(answer["challengeToken"] for answer in answers)


def test_messages_that_did_not_arrive_say_nothing(app: Flask) -> None:
    ids = add_sends(app)
    fold(app)
    with app.app_context(), transaction():
        for send_id in ids:
            sends.note(send_id, Outcome.UNDELIVERED, at=clock.now())
    fold(app)

    explained = told(app, "explain", f"{PUMPED}0001")
    assert (explained["decision"], explained["depths"][0]["pending"]) == ("allow", 0)


def test_parallel_senders_pass_the_bound_by_no_more_than_are_in_flight(
    app: Flask, sinch: Simulator, time: Time
) -> None:
    moment = clock.now()
    clock.use(lambda: moment)
    shop = Shop(app)
    add_sends(app, 20)
    bound = next(number for number in range(60) if shop.start(f"{PUMPED}{number:04d}").status_code == 403)
    told(app, "reset", "--all", "--yes")
    sinch.clear_inbox()
    add_sends(app, 20)

    def send(number: int) -> None:
        for turn in range(1 + bound // 4):
            shop.start(f"{PUMPED}{number}{turn:03d}")

    at_once(8, send)

    assert len(sinch.inbox()) <= bound + 8


def test_a_refusal_is_logged_with_its_counts(
    app: Flask, sinch: Simulator, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    add_sends(app)

    with caplog.at_level(logging.INFO, logger="otp_service.fraud"):
        pump(Shop(app), time, 2)

    line = vars(next(record for record in caplog.records if record.message == "fraud.refused"))
    assert (line["depth"], line["key"]) == ("1000", f"1000:{PUMPED[1:]}0")
    assert line["odds"] > line["bound"]
