"""Links of registrations reach a real mail server through a real worker, however often that is killed."""

from collections import Counter

from flask import Flask

from otp_service import outbox
from otp_service.core.crypto.secrets import read_typed_code
from otp_service.outbox import records
from otp_service.outbox.delivery import LEASE
from tests.api import Api
from tests.conftest import Time
from tests.factories import new_details
from tests.jobs.conftest import StartWorker
from tests.mail.mailbox import Mailbox


def code_in(mailbox: Mailbox, to: str) -> str:
    """The code that the newest message to an address shows by itself."""
    body = [message for message in mailbox.messages if message["To"] == to][-1].get_body(("plain",))
    assert body is not None
    return next(str(line) for line in body.get_content().splitlines() if read_typed_code(line))


def test_the_link_of_every_registration_arrives_though_the_worker_is_killed_again_and_again(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker, time: Time
) -> None:
    api, people = Api(service), [new_details() for _ in range(6)]
    mailbox.data_seconds = 0.3
    for round_number in range(3):
        for details in people[2 * round_number : 2 * round_number + 2]:
            assert api.post("/auth/register", details).status_code == 201
        taken = len(mailbox.messages)
        worker = start_worker()
        mailbox.wait_for(taken + 1)  # taken by the server, its yes not yet heard
        worker.kill()
        worker.wait()

    mailbox.data_seconds = 0
    time.advance(LEASE.total_seconds() + 1)
    with service.app_context():
        outbox.deliver()
        assert {record.state for record in records.newest(limit=10)} == {"sent"}
    ids_of = {details["email"]: set[str]() for details in people}
    for message in mailbox.messages:
        ids_of[message["To"]].add(message["Message-ID"])
    assert Counter(map(len, ids_of.values())) == {1: 6}, "what came twice has the same id"
    assert len(mailbox.messages) <= 6 + 3
    for details in people:
        assert api.post("/auth/verify-email", {"token": code_in(mailbox, details["email"])}).status_code == 200


def test_a_worker_that_runs_sends_the_link_of_a_registration(
    service: Flask, mailbox: Mailbox, start_worker: StartWorker
) -> None:
    api, first, second = Api(service), new_details(), new_details()
    start_worker()
    assert api.post("/auth/register", first).status_code == 201
    mailbox.wait_for(1)
    assert api.post("/auth/register", second).status_code == 201
    mailbox.wait_for(2)
    assert api.post("/auth/verify-email", {"token": code_in(mailbox, second["email"])}).status_code == 200
