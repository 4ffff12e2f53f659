"""A receiver that hangs delays no other receiver, no reading of the trail, and no end of the worker."""

import threading

from flask import Flask

from otp_service.hooks import Dispatcher
from otp_service.jobs.schedule import NUMBERS
from tests.hooks.receiver import Receiver
from tests.hooks.sending import add_hook, happen, stored
from tests.round_trips import listening
from tests.waiting import wait_until


def test_while_one_receiver_hangs_the_others_get_every_event(service: Flask, receiver: Receiver) -> None:
    dispatcher = Dispatcher(NUMBERS)

    def has_arrived(count: int) -> bool:
        with service.app_context():
            dispatcher.run()  # as the worker does each second
        return len(receiver.events) == count

    with Receiver() as hanging:
        hanging.gate.clear()
        hanging_id = add_hook(service, hanging.url)
        add_hook(service, receiver.url)

        for number in range(1, 6):
            happen(service)
            wait_until(lambda number=number: has_arrived(number))  # type: ignore[misc]

        assert hanging.requests
        assert {one.state for one in stored(service, hanging_id)} == {"pending"}
        hanging.gate.set()
        dispatcher.finish()


def test_it_ends_after_the_message_in_hand(service: Flask, receiver: Receiver) -> None:
    dispatcher = Dispatcher(NUMBERS)
    add_hook(service, receiver.url)
    receiver.gate.clear()
    for _ in range(3):
        happen(service)
    with service.app_context():
        dispatcher.run()
    wait_until(lambda: receiver.events)

    ending = threading.Thread(target=dispatcher.finish)
    ending.start()
    wait_until(dispatcher._stopping.is_set)
    receiver.gate.set()
    ending.join()

    assert [one.state for one in stored(service)] == ["delivered", "pending", "pending"]
    with service.app_context():
        dispatcher.run()
    assert len(receiver.events) == 1


def test_without_a_hook_it_reads_nothing_but_that(service: Flask) -> None:
    happen(service)

    with service.app_context(), listening(service) as asked:
        assert Dispatcher(NUMBERS).run() is False

    assert [statement for statement in asked.statements if " FROM hooks" not in statement] == []
    assert len(asked.statements) == 1
