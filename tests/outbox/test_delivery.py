"""Each message is sent once, again while it fails, and given up in the end."""

import logging
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service import outbox
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all
from otp_service.outbox import records
from otp_service.outbox.delivery import LEASE, TRIES, Delivered, pause_after
from otp_service.outbox.models import OutboxMessage
from otp_service.outbox.records import Record
from tests.conftest import MakeApp, Time
from tests.mail.mailbox import Mailbox
from tests.outbox.conftest import LINK, TO, Post
from tests.parallel import at_once


def deliver(app: Flask) -> Delivered:
    with app.app_context():
        return outbox.deliver()


def the_record(app: Flask) -> Record:
    with app.app_context():
        (record,) = records.newest(limit=10)
        return record


def test_a_message_arrives_with_its_link_and_its_own_message_id(mailing: Flask, mailbox: Mailbox, post: Post) -> None:
    post(mailing)
    assert deliver(mailing) == Delivered(sent=1)
    (email,) = mailbox.messages
    body = email.get_body(("plain",))
    assert body is not None
    assert LINK in body.get_content()
    assert (email["To"], email["Message-ID"]) == (TO, f"<{the_record(mailing).id}@example.com>")


def test_what_was_sent_is_not_sent_again_and_its_content_is_forgotten(
    mailing: Flask, mailbox: Mailbox, post: Post
) -> None:
    post(mailing)
    assert [deliver(mailing), deliver(mailing)] == [Delivered(sent=1), Delivered()]
    assert the_record(mailing).state == "sent"
    with mailing.app_context():
        (row,) = fetch_all(select(OutboxMessage.sealed_to, OutboxMessage.sealed_values))
    assert tuple(row) == (None, None)


def test_parallel_deliverers_send_each_message_once(mailing: Flask, mailbox: Mailbox, post: Post) -> None:
    post(mailing, count=12)
    done = at_once(6, lambda _: deliver(mailing))
    assert sum(one.sent for one in done) == 12
    assert len(set(mailbox.message_ids)) == len(mailbox.message_ids) == 12


def test_a_server_that_is_away_costs_one_message_a_try_and_the_rest_none(
    mailing: Flask, mailbox: Mailbox, post: Post, time: Time
) -> None:
    post(mailing, count=3)
    mailbox.stop()
    assert deliver(mailing) == Delivered(deferred=1)
    with mailing.app_context():
        assert sorted(record.attempts for record in records.newest(limit=10)) == [0, 0, 1]
    mailbox.start()
    time.advance(pause_after(1).total_seconds())
    assert deliver(mailing) == Delivered(sent=3)


def test_between_tries_it_waits_longer_and_longer(mailing: Flask, mailbox: Mailbox, post: Post, time: Time) -> None:
    mailbox.recipient_reply = "450 busy"
    post(mailing)
    for attempt in range(1, 4):
        assert deliver(mailing) == Delivered(deferred=1)
        assert deliver(mailing) == Delivered()
        time.advance(pause_after(attempt).total_seconds() - 5)
        assert deliver(mailing) == Delivered()
        time.advance(6)
    assert [pause_after(number) for number in (1, 2, 3, 9)] == [
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=8),
        timedelta(hours=6),
    ]


def test_after_the_last_try_it_is_dead_and_a_retry_sends_it(
    mailing: Flask, mailbox: Mailbox, post: Post, time: Time
) -> None:
    mailbox.data_reply = "451 later"
    post(mailing)
    for _ in range(TRIES):
        last = deliver(mailing)
        time.advance(pause_after(TRIES).total_seconds())
    assert last == Delivered(given_up=1)
    assert (the_record(mailing).state, the_record(mailing).last_error) == ("dead", "SMTPDataError 451")
    mailbox.data_reply = ""
    assert deliver(mailing) == Delivered()
    result = mailing.test_cli_runner().invoke(args=["outbox", "retry", str(the_record(mailing).id)])
    assert (result.exit_code, result.output) == (0, "1 message will be sent again.\n")
    assert deliver(mailing) == Delivered(sent=1)


def test_what_is_refused_for_good_is_dead_at_once(mailing: Flask, mailbox: Mailbox, post: Post) -> None:
    mailbox.recipient_reply = "550 unknown"
    post(mailing)
    assert deliver(mailing) == Delivered(given_up=1)
    assert the_record(mailing).last_error == "SMTPRecipientsRefused 550"


@pytest.mark.parametrize("reply", ["550 no such sender", "530 sign in first"])
def test_a_server_that_rejects_this_service_gives_up_no_message_and_says_so(
    mailing: Flask, mailbox: Mailbox, post: Post, time: Time, caplog: pytest.LogCaptureFixture, reply: str
) -> None:
    post(mailing, count=3)
    mailbox.sender_reply = reply

    assert deliver(mailing) == Delivered(deferred=1)

    (line,) = [line for line in caplog.records if line.name == "otp_service.outbox.delivery"]
    assert (line.getMessage(), line.levelno) == ("mail.rejected", logging.ERROR)
    mailbox.sender_reply = ""
    time.advance(pause_after(1).total_seconds())
    assert deliver(mailing) == Delivered(sent=3)


def test_an_address_that_the_server_cannot_take_is_dead_and_named_at_once(make_app: MakeApp, post: Post) -> None:
    with Mailbox(smtputf8=False) as mailbox:
        app = make_app(**mailbox.settings)
        post(app, to="usér@example.com")
        post(app, to="ada@bücher.example")

        assert deliver(app) == Delivered(sent=1, given_up=1)

    listed = app.test_cli_runner().invoke(args=["outbox", "list", "--state", "dead"])
    assert "NoSmtpUtf8" in listed.output


def test_a_message_that_cannot_be_sent_does_not_hold_up_the_others(
    mailing: Flask, mailbox: Mailbox, post: Post
) -> None:
    post(mailing, to="a@b.example\r\nBcc: c@d.example")
    post(mailing)
    assert deliver(mailing) == Delivered(sent=1, given_up=1)
    assert len(mailbox.messages) == 1


def test_what_nobody_can_decrypt_any_more_is_dead(
    make_app: MakeApp, mailing: Flask, mailbox: Mailbox, post: Post
) -> None:
    post(mailing)
    other_keys = make_app(**mailbox.settings, ENCRYPTION_KEY="qL4fQXq0k1a6n6c1P7pYwqk0i2m8m3T1xJ9Qh2v5b3c=")
    assert deliver(other_keys) == Delivered(given_up=1)
    assert the_record(mailing).last_error == "Unreadable"


def test_a_lease_that_ran_out_lets_another_one_send(mailing: Flask, mailbox: Mailbox, post: Post, time: Time) -> None:
    post(mailing)
    mailbox.recipient_reply = "450 busy"
    deliver(mailing)
    mailbox.recipient_reply = ""
    with mailing.app_context():
        from otp_service.outbox import delivery

        time.advance(60)
        assert delivery._claim(the_record(mailing).id) is not None  # and its holder dies
    assert deliver(mailing) == Delivered()
    time.advance(LEASE.total_seconds() + 1)
    assert deliver(mailing) == Delivered(sent=1)


def test_in_development_without_a_mail_server_it_counts_as_sent_and_is_kept(app: Flask, post: Post) -> None:
    post(app)
    assert deliver(app) == Delivered(sent=1)
    with app.app_context():
        (row,) = fetch_all(select(OutboxMessage.sealed_to, OutboxMessage.sealed_values))
    assert all(row)


def test_neither_address_nor_link_is_logged(
    mailing: Flask, mailbox: Mailbox, post: Post, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for reply in (f"450 {TO} is busy", f"550 {TO} is unknown", ""):
        mailbox.recipient_reply = reply
        post(mailing)
        deliver(mailing)
        time.advance(60)
    told = str([vars(record) for record in caplog.records if not record.name.startswith(("mail.log", "asyncio"))])
    assert "mail.sent" in told
    assert "mail.put_off" in told
    assert "canary" not in told


def test_a_list_shows_no_address_and_no_link(mailing: Flask, mailbox: Mailbox, post: Post) -> None:
    post(mailing)
    for arguments in (["list"], ["list", "--json", "--state", "pending"]):
        result = mailing.test_cli_runner().invoke(args=["outbox", *arguments])
        assert "address_verification" in result.output
        assert "canary" not in result.output


def test_all_that_is_dead_can_be_tried_again(mailing: Flask, mailbox: Mailbox, post: Post) -> None:
    mailbox.recipient_reply = "550 unknown"
    post(mailing, count=2)
    deliver(mailing)
    runner = mailing.test_cli_runner()
    assert runner.invoke(args=["outbox", "retry", "--dead"]).output == "2 messages will be sent again.\n"
    assert runner.invoke(args=["outbox", "retry", "--dead"]).output == "0 messages will be sent again.\n"
    for arguments in ([], [str(the_id := "6f1c2c5e-3a0a-4a57-9a6e-0a9d4c1d7f11")], [the_id, "--dead"]):
        assert runner.invoke(args=["outbox", "retry", *arguments]).exit_code != 0


def test_what_is_over_can_be_purged_and_a_user_forgotten(
    app: Flask, mailing: Flask, mailbox: Mailbox, post: Post, time: Time
) -> None:
    post(mailing)
    deliver(mailing)
    time.advance(60)
    post(mailing)
    with mailing.app_context():
        assert outbox.forget(clock.now()) == 1
        assert [record.state for record in records.newest(limit=10)] == ["pending"]
        assert outbox.forget_user(12345) == 0
