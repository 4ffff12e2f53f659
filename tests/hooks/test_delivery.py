"""Each event arrives signed, again while it fails, and is given up after three days."""

import json
import logging
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete
from standardwebhooks import Webhook, WebhookVerificationError

from otp_service.audit.models import AuditEvent
from otp_service.core.database.transactions import execute, transaction
from otp_service.hooks import administration, posting
from otp_service.hooks.posting import JITTER, LEASE, WAITS, wait_after
from otp_service.jobs.schedule import NUMBERS
from tests.conftest import Time
from tests.factories import make_person
from tests.hooks.receiver import Receiver
from tests.hooks.sending import add_hook, add_with_secret, happen, stored, turn, work
from tests.parallel import at_once

ORDER = "0b7b1f0e-3c49-4b46-8d4f-0a7e4f7c2f11"


def test_the_standard_library_verifies_an_event(service: Flask, receiver: Receiver) -> None:
    _, secret = add_with_secret(service, receiver.url)

    happen(service)
    work(service)

    (got,) = receiver.events
    assert Webhook(secret).verify(got.body, got.headers) == got.json
    assert got.json.keys() == {"id", "type", "at", "data"}
    assert (got.json["id"], got.type, got.json["data"]) == (got.id, "user.unlocked", {"userId": 17})
    assert got.json["at"].endswith("Z")
    assert got.headers["content-type"] == "application/json"


def test_another_secret_does_not_verify_it(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url)
    _, other = add_with_secret(service, "http://127.0.0.1:9/other")

    happen(service)
    work(service)

    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(receiver.events[0].body, receiver.events[0].headers)


def test_after_a_rotation_both_secrets_verify_for_a_day(service: Flask, receiver: Receiver, time: Time) -> None:
    hook_id, old = add_with_secret(service, receiver.url)
    with service.app_context():
        new = administration.rotate_secret(hook_id, keeps_earlier=True)

    happen(service)
    work(service)
    time.advance(24 * 3600)
    happen(service)
    work(service)

    first, second = receiver.events
    assert Webhook(old).verify(first.body, first.headers) == Webhook(new).verify(first.body, first.headers)
    assert len(first.headers["webhook-signature"].split(" ")) == 2
    assert len(second.headers["webhook-signature"].split(" ")) == 1


def test_a_secret_that_others_know_signs_no_more_at_once(service: Flask, receiver: Receiver) -> None:
    hook_id, old = add_with_secret(service, receiver.url)
    with service.app_context():
        administration.rotate_secret(hook_id, keeps_earlier=False)

    happen(service)
    work(service)

    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(receiver.events[0].body, receiver.events[0].headers)


def test_each_hook_gets_the_events_that_it_names(service: Flask, receiver: Receiver) -> None:
    with Receiver() as other:
        add_hook(service, receiver.url, "session.*")
        add_hook(service, other.url, "user.locked", "user.unlocked")

        happen(service, "session.started", sessionId="s-1")
        happen(service, "user.unlocked_by_operator")
        happen(service, "login.failed")
        work(service)

        assert receiver.types == ["session.started"]
        assert other.types == ["user.unlocked"]


def test_a_hook_of_an_app_gets_the_events_of_that_app_alone(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url, app="shop")

    happen(service, "verification.sent", user_id=None, verificationId=ORDER, app="shop", reference="order 7")
    happen(service, "verification.sent", user_id=None, verificationId=ORDER, app="bank")
    happen(service)
    work(service)

    assert [got.json["data"] for got in receiver.events] == [
        {"verificationId": ORDER, "app": "shop", "reference": "order 7"}
    ]


def test_numbers_are_masked_unless_the_hook_asks_for_them(service: Flask, receiver: Receiver) -> None:
    with Receiver() as open_one:
        add_hook(service, receiver.url)
        add_hook(service, open_one.url, has_numbers=True)

        ada = make_person(service)
        work(service)

        masked, whole = receiver.events[0].json["data"], open_one.events[0].json["data"]
        assert whole == {"userId": ada.id, "isVerified": False, "phoneNumber": ada.phone_number}
        assert masked["phoneNumber"] == f"+1******{ada.phone_number[-4:]}"


def test_events_keep_the_order_of_the_trail(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url)

    for number in range(30):
        happen(service, user_id=number + 1)
    work(service)

    assert [got.json["data"]["userId"] for got in receiver.events] == list(range(1, 31))


def test_what_was_delivered_is_not_sent_again(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url)
    happen(service)

    work(service)
    work(service)

    assert len(receiver.events) == 1
    assert [(one.state, one.attempts, one.last_status) for one in stored(service)] == [("delivered", 1, 200)]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 503])
def test_any_response_but_2xx_is_a_failure_that_is_tried_again_with_the_same_id(
    service: Flask, receiver: Receiver, time: Time, status: int
) -> None:
    add_hook(service, receiver.url)
    receiver.status, receiver.headers = status, {"Location": receiver.url}
    happen(service)
    work(service)
    assert [(one.state, one.last_status, one.last_error) for one in stored(service)] == [
        ("pending", status, f"HTTP {status}")
    ]

    receiver.status = 200
    time.advance(WAITS[0].total_seconds() * (1 + JITTER))
    work(service)

    first, second = receiver.events
    assert (first.id, first.body) == (second.id, second.body)
    assert [one.state for one in stored(service)] == ["delivered"]


def test_a_receiver_that_is_away_costs_one_message_a_try(service: Flask, receiver: Receiver, time: Time) -> None:
    add_hook(service, receiver.url)
    receiver.status = 500
    for _ in range(5):
        happen(service)

    work(service)
    work(service)

    assert sorted(one.attempts for one in stored(service)) == [0, 0, 0, 0, 1]


def test_after_an_outage_everything_that_waited_is_sent_at_once_in_its_order(
    service: Flask, receiver: Receiver, time: Time
) -> None:
    add_hook(service, receiver.url)
    receiver.status = 500
    for number in range(3):
        happen(service, user_id=number + 1)
    for _ in range(12):
        work(service)
        time.advance(61)

    receiver.status = 200
    receiver.requests.clear()
    time.advance(61)
    happen(service, user_id=99)
    work(service)

    assert sorted(got.json["data"]["userId"] for got in receiver.events) == [1, 2, 3, 99]


def test_a_receiver_may_ask_for_a_pause(service: Flask, receiver: Receiver, time: Time) -> None:
    add_hook(service, receiver.url)
    receiver.status, receiver.headers = 429, {"Retry-After": "600"}
    happen(service)
    work(service)
    receiver.status = 200
    happen(service)

    time.advance(590)
    work(service)
    assert len(receiver.events) == 1

    time.advance(11)
    work(service)
    assert [one.state for one in stored(service)] == ["delivered", "delivered"]


def test_the_waits_grow_and_differ_from_message_to_message() -> None:
    means = [wait_after(attempts, chance=0.5) for attempts in range(1, 12)]

    assert means == sorted(means)
    assert means[0] == timedelta(seconds=5)
    assert means[-1] == timedelta(hours=8)
    assert wait_after(1, chance=0) < means[0] < wait_after(1, chance=1)


def test_after_three_days_an_event_is_dead_and_a_redelivery_sends_it(
    service: Flask, receiver: Receiver, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    add_hook(service, receiver.url)
    receiver.status = 500
    happen(service)
    work(service)
    for _ in range(30):
        time.advance(8 * 3600)
        work(service)
    (dead,) = stored(service)
    assert (dead.state, dead.last_error) == ("dead", "HTTP 500")
    assert len(WAITS) <= len(receiver.events) <= len(WAITS) + 4
    assert [record.levelno for record in caplog.records if record.getMessage() == "hook.dead"] == [logging.ERROR]

    receiver.status = 200
    result = service.test_cli_runner().invoke(args=["hooks", "redeliver", str(dead.id)])
    time.advance(61)
    work(service)

    assert (result.exit_code, result.output) == (0, "1 event will be sent again.\n")
    assert receiver.events[-1].id == str(dead.id)
    assert [one.state for one in stored(service)] == ["delivered"]


def test_410_disables_the_hook_and_gives_the_event_up(service: Flask, receiver: Receiver) -> None:
    hook_id = add_hook(service, receiver.url)
    receiver.status = 410
    happen(service)
    happen(service)

    work(service)
    work(service)

    assert [one.state for one in stored(service)] == ["dead", "pending"]
    with service.app_context():
        assert administration.get(hook_id).disabled_because == "the receiver responded 410 Gone"


def test_parallel_workers_send_each_event_once(service: Flask, receiver: Receiver) -> None:
    hook_id = add_hook(service, receiver.url)
    for _ in range(12):
        happen(service)
    turn(service)

    def send(_: int) -> None:
        with service.app_context():
            while posting.send_next(hook_id, numbers=NUMBERS):
                pass

    at_once(4, send)
    work(service)

    assert len(receiver.events) == len({got.id for got in receiver.events}) == 12


def test_a_claim_of_a_worker_that_died_ends_with_its_lease(service: Flask, receiver: Receiver, time: Time) -> None:
    hook_id = add_hook(service, receiver.url)
    happen(service)
    turn(service)
    with service.app_context():
        assert posting._claim(hook_id) is not None  # and the worker dies

    work(service)
    assert receiver.events == []

    time.advance(LEASE.total_seconds() + 1)
    work(service)
    assert [(one.state, one.attempts) for one in stored(service)] == [("delivered", 2)]


def test_a_long_body_of_a_response_is_not_read_to_its_end(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url)
    receiver.body = b"x" * 5_000_000
    happen(service)

    work(service)

    assert [one.state for one in stored(service)] == ["delivered"]


def test_the_log_names_hook_and_host_and_never_the_url(
    service: Flask, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hook_id = add_hook(service, f"{receiver.url}/canary-in-the-path?key=canary")
    happen(service)
    work(service)
    receiver.status = 500
    happen(service)
    work(service)

    lines = [vars(record) for record in caplog.records if record.getMessage().startswith("hook.")]
    outcomes = [(line["msg"], line["hookId"], line["host"]) for line in lines if "host" in line]
    assert outcomes == [("hook.delivered", hook_id, "127.0.0.1"), ("hook.put_off", hook_id, "127.0.0.1")]
    assert "canary" not in json.dumps([{**line, "args": None} for line in lines], default=str)


def test_what_the_database_stores_of_a_hook_reveals_neither_url_nor_secret(service: Flask, receiver: Receiver) -> None:
    _, secret = add_with_secret(service, f"{receiver.url}/canary")
    with service.app_context():
        row = administration.list_all()[0]

    assert "canary" not in row.sealed_url
    assert secret not in repr(row)


def test_an_event_that_was_deleted_meanwhile_is_given_up(service: Flask, receiver: Receiver) -> None:
    add_hook(service, receiver.url)
    happen(service)
    turn(service)
    with service.app_context(), transaction():
        execute(delete(AuditEvent))

    work(service)

    (one,) = stored(service)
    assert (one.state, one.last_error) == ("dead", "the event is older than AUDIT_RETENTION")
