"""One client shared by many threads."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from otp_service.sinch import Channel, OutcomeUnknown, SinchClient, SinchError, TooManyInFlight, get_client
from tests.sinch.conftest import Connect, Serve
from tests.sinch.scripted import Heard, Line
from tests.sinch.scripts import ID, NUMBER, REFERENCE, receipt, reply, slowly, stall, verdict

THREADS = 20


def _at_once(act: Callable[[int], Any], count: int = THREADS) -> list[Any]:
    """What each of `count` threads got, errors included, when all start together."""
    gate = threading.Barrier(count)

    def run(number: int) -> Any:
        gate.wait()
        try:
            return act(number)
        except SinchError as error:
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
    sinch = connect(server.url, max_in_flight=4, in_flight_wait_seconds=3)
    found = _at_once(lambda _: sinch.start(NUMBER, Channel.SMS, reference=REFERENCE))
    assert [receipt.id for receipt in found] == [ID] * THREADS
    assert server.connections <= 4


def test_when_sinch_stalls_only_so_many_wait_and_the_rest_hear_at_once(serve: Serve, connect_hastily: Connect) -> None:
    server = serve(stall())
    sinch = connect_hastily(server.url, max_in_flight=3, in_flight_wait_seconds=0.05, read_timeout_seconds=0.8)

    def start(_: int) -> tuple[SinchError, float]:
        began = time.monotonic()
        with pytest.raises(SinchError) as caught:
            sinch.start(NUMBER, Channel.SMS, reference=REFERENCE)
        return caught.value, time.monotonic() - began

    found = _at_once(start, count=10)
    turned_away = [seconds for error, seconds in found if isinstance(error, TooManyInFlight)]
    assert (len(turned_away), len(server.heard)) == (7, 3)
    assert max(turned_away) < 0.5
    assert sum(isinstance(error, OutcomeUnknown) for error, _ in found) == 3


def test_places_are_given_back_after_trouble(serve: Serve, connect_hastily: Connect) -> None:
    sinch = connect_hastily(serve(stall()).url, max_in_flight=1, in_flight_wait_seconds=0, read_timeout_seconds=0.05)
    for _ in range(3):
        with pytest.raises(OutcomeUnknown):
            sinch.report(ID, Channel.SMS, "1234")


def test_while_the_breaker_is_half_open_one_of_twenty_is_tried(serve: Serve, connect_hastily: Connect) -> None:
    server = serve(stall())
    sinch = connect_hastily(server.url, failure_threshold=1, cool_down_seconds=0.2, max_in_flight=THREADS)
    with pytest.raises(OutcomeUnknown):
        sinch.report(ID, Channel.SMS, "1234")
    time.sleep(0.25)
    _at_once(lambda _: sinch.report(ID, Channel.SMS, "1234"))
    assert len(server.heard) == 2


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


def test_the_application_hands_out_its_client(connect: Connect) -> None:
    app = Flask(__name__)
    app.extensions["sinch"] = connect("http://127.0.0.1:9")
    with app.app_context():
        assert isinstance(get_client(), SinchClient)
