"""One client shared by many threads."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest
from flask import Flask

from otp_service.core.calls.errors import CallError, OutcomeUnknown, TooManyInFlight
from otp_service.core.calls.guards import MAY_WAIT
from otp_service.providers import Channel
from otp_service.sinch import get_client
from otp_service.sinch.client import SinchClient
from tests.sinch.conftest import Connect, Serve
from tests.sinch.scripted import Heard, Line
from tests.sinch.scripts import ID, NUMBER, REFERENCE, hold_until, receipt, reply, reset, slowly, verdict
from tests.waiting import PATIENCE_SECONDS

THREADS = 20


def _at_once(act: Callable[[int], Any], count: int = THREADS) -> list[Any]:
    """What each of `count` threads got, errors included, when all start together."""
    gate = threading.Barrier(count)

    def run(number: int) -> Any:
        gate.wait()
        try:
            return act(number)
        except CallError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def _echo(line: Line, heard: Heard) -> None:
    provider_id = heard.path.rsplit("/", 1)[-1]
    reply({"id": provider_id, "method": "sms", "status": "SUCCESSFUL"})(line, heard)


def test_twenty_threads_each_get_their_own_answers(serve: Serve, connect: Connect) -> None:
    server = serve(_echo)
    sinch = connect(server.url, pool_size=THREADS, max_in_flight=THREADS)

    def ask(number: int) -> list[str]:
        return [sinch.status(f"{number}-{turn}").id for turn in range(10)]

    assert _at_once(ask) == [[f"{number}-{turn}" for turn in range(10)] for number in range(THREADS)]
    assert server.connections <= THREADS


def test_twenty_threads_share_a_smaller_number_of_places(serve: Serve, connect: Connect) -> None:
    server = serve(slowly(0.02, receipt()))
    sinch = connect(server.url, max_in_flight=4)
    found = _at_once(lambda _: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE))
    assert [receipt.id for receipt in found] == [ID] * THREADS
    assert server.connections <= 4


def test_when_sinch_stalls_only_so_many_wait_and_the_rest_hear_at_once(serve: Serve, connect: Connect) -> None:
    released = threading.Event()
    server = serve(hold_until(released, receipt()))
    sinch = connect(server.url, max_in_flight=3, in_flight_wait_seconds=0)

    def start(_: int) -> Any:
        return sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)

    with ThreadPoolExecutor(3) as pool:
        held = [pool.submit(start, number) for number in range(3)]
        assert server.has_heard(3)
        turned_away = _at_once(start, count=7)
        still_held = [future.done() for future in held]
        released.set()

    assert [type(error) for error in turned_away] == [TooManyInFlight] * 7
    assert still_held == [False] * 3
    assert ([future.result().id for future in held], len(server.heard)) == ([ID] * 3, 3)


def test_a_burst_waits_its_turn_and_what_is_above_it_hears_at_once(serve: Serve, connect: Connect) -> None:
    released = threading.Event()
    server = serve(hold_until(released, receipt()))
    sinch = connect(server.url, max_in_flight=1)

    def start(_: int) -> Any:
        return sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)

    with ThreadPoolExecutor(MAY_WAIT + 2) as pool:
        futures = [pool.submit(start, number) for number in range(MAY_WAIT + 2)]
        turned_away = next(as_completed(futures, PATIENCE_SECONDS))
        released.set()

    assert isinstance(turned_away.exception(), TooManyInFlight)
    served = [future.result().id for future in futures if future is not turned_away]
    assert served == [ID] * (MAY_WAIT + 1)


def test_places_are_given_back_after_trouble(serve: Serve, connect: Connect) -> None:
    sinch = connect(serve(reset).url, max_in_flight=1, in_flight_wait_seconds=0)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            sinch.report(ID, Channel.SMS, "1234")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the server of this test has threads
def test_a_client_made_before_a_fork_works_after_it(serve: Serve, connect: Connect) -> None:
    server = serve(verdict())
    sinch = connect(server.url)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if sinch.status(ID).id == ID else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sinch.status(ID).id == ID


@pytest.mark.one_database
def test_the_application_hands_out_its_client(app: Flask) -> None:
    with app.app_context():
        assert isinstance(get_client(), SinchClient)
