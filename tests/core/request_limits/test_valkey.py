"""Counts in a real Valkey: shared while it answers, kept in memory while it does not, and never a failed request."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from otp_service.core.services import services_of
from otp_service.core.web.limit_store import RETRY_SECONDS
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import make_person, new_details
from tests.parallel import at_once
from tests.servers import ValkeyServer
from tests.servers.ports import is_open
from tests.waiting import wait_until

pytestmark = pytest.mark.one_database

MAXIMUM = 1_000
SLOW_SECONDS = 1.0


@pytest.fixture
def awake(valkey: ValkeyServer) -> Iterator[ValkeyServer]:
    """A Valkey that a test may stop and pause; it must answer to be stopped for good."""
    yield valkey
    valkey.resume() if is_open(valkey.port) else valkey.start()


@pytest.fixture
def shared(make_app: MakeApp, awake: ValkeyServer) -> Api:
    """A service that counts in Valkey."""
    return counting_in(awake, make_app)


def counting_in(valkey: ValkeyServer, make_app: MakeApp, **settings: str) -> Api:
    limits = {"RATE_LIMITS_ENABLED": "true", "RATE_LIMIT_MAX_REQUESTS": str(MAXIMUM), "REDIS_URL": valkey.url}
    return Api(make_app(**{**limits, **settings}))


def patient(api: Api) -> Api:
    """Let a busy machine take its time, for tests of counts and not of a Valkey that is too slow."""
    store = services_of(api.app).limit_store.shared
    assert store is not None
    pool = store.storage.connection_pool
    pool.connection_kwargs.update(socket_timeout=30, socket_connect_timeout=30)
    pool.disconnect()
    return api


def remaining(api: Api) -> int:
    response = api.get("/profile")
    assert response.status_code == 401
    return int(response.headers["RateLimit-Remaining"])


def store_state(api: Api) -> Any:
    response = api.get("//ready")
    assert response.status_code == 200, response.json
    return response.json["checks"]["limiterStore"]


def test_two_services_count_together(make_app: MakeApp, awake: ValkeyServer, shared: Api) -> None:
    other = patient(counting_in(awake, make_app))
    patient(shared)
    assert [remaining(shared), remaining(other), remaining(shared)] == [MAXIMUM - 1, MAXIMUM - 2, MAXIMUM - 3]


def test_the_limits_of_routes_are_shared_too(make_app: MakeApp, awake: ValkeyServer) -> None:
    services = [patient(counting_in(awake, make_app, RATE_LIMIT_REGISTER_PER_HOUR="3")) for _ in range(2)]
    answers = [services[number % 2].post("/auth/register", new_details()).status_code for number in range(4)]
    assert answers == [201, 201, 201, 429]


def test_of_requests_at_once_to_two_services_no_more_pass_than_may(make_app: MakeApp, awake: ValkeyServer) -> None:
    services = [patient(counting_in(awake, make_app, RATE_LIMIT_MAX_REQUESTS="20")) for _ in range(2)]
    statuses = at_once(40, lambda number: services[number % 2].get("/profile").status_code)
    assert sorted(statuses) == [401] * 20 + [429] * 20


def test_without_valkey_the_service_starts_and_counts_in_memory(make_app: MakeApp, awake: ValkeyServer) -> None:
    awake.stop()
    api = counting_in(awake, make_app)
    assert [remaining(api), remaining(api)] == [MAXIMUM - 1, MAXIMUM - 2]
    assert store_state(api) == "down: counting in memory"


def test_when_valkey_dies_under_20_requests_none_fails_and_none_goes_uncounted(
    awake: ValkeyServer, shared: Api, caplog: pytest.LogCaptureFixture
) -> None:
    remaining(shared)
    awake.stop()
    statuses = at_once(20, lambda _: shared.get("/profile").status_code)
    assert statuses == [401] * 20
    assert remaining(shared) == MAXIMUM - 21
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["limit.store_lost"]


def test_without_valkey_limits_still_hold(make_app: MakeApp, awake: ValkeyServer) -> None:
    api = counting_in(awake, make_app, RATE_LIMIT_MAX_REQUESTS="3")
    awake.stop()
    assert [api.get("/profile").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_without_valkey_people_sign_in(app: Flask, awake: ValkeyServer, shared: Api) -> None:
    awake.stop()
    person = make_person(app)
    assert shared.post("/auth/login", person.credentials).status_code == 200
    assert shared.post("/auth/login", {**person.credentials, "password": "x"}).status_code == 401


def test_while_valkey_stalls_requests_are_answered_and_counted(awake: ValkeyServer, shared: Api) -> None:
    remaining(shared)
    awake.pause()

    statuses = at_once(20, lambda _: shared.get("/profile").status_code)

    assert statuses == [401] * 20
    assert remaining(shared) == MAXIMUM - 21
    assert store_state(shared) == "down: counting in memory"


@pytest.mark.timing
def test_a_valkey_that_stalls_delays_one_request_and_no_more(awake: ValkeyServer, shared: Api) -> None:
    remaining(shared)
    awake.pause()

    times = []
    for _ in range(10):
        started = time.monotonic()
        remaining(shared)
        times.append(time.monotonic() - started)

    assert max(times) < SLOW_SECONDS
    assert sorted(times)[-2] < 0.25


@pytest.mark.timing
def test_while_valkey_stalls_parallel_requests_answer_in_time(awake: ValkeyServer, shared: Api) -> None:
    remaining(shared)
    awake.pause()

    started = time.monotonic()
    at_once(20, lambda _: shared.get("/profile").status_code)

    assert time.monotonic() - started < 2 * SLOW_SECONDS


@pytest.mark.parametrize("way", ["stop", "pause"])
def test_when_valkey_is_back_it_counts_again(awake: ValkeyServer, make_app: MakeApp, shared: Api, way: str) -> None:
    other = counting_in(awake, make_app)
    remaining(shared)
    getattr(awake, way)()
    remaining(shared)
    awake.start() if way == "stop" else awake.resume()
    wait_until(lambda: remaining(shared) == remaining(other) + 1)
    assert store_state(shared) == "up"


def test_the_log_tells_once_when_counts_are_lost_and_found(
    awake: ValkeyServer, shared: Api, caplog: pytest.LogCaptureFixture
) -> None:
    awake.stop()
    for _ in range(3):
        remaining(shared)
    awake.start()
    wait_until(lambda: store_state(shared) == "up")
    time.sleep(1.1)  # it is looked after again
    remaining(shared)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("limit.")]
    assert told == ["limit.store_lost", "limit.store_found"]


@pytest.mark.parametrize("trouble", ["fill", "follow"])
def test_a_valkey_that_answers_but_does_not_count_is_lost_once_and_found_once(
    awake: ValkeyServer, shared: Api, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    remaining(shared)
    getattr(awake, trouble)()

    counts = []
    for _ in range(3):
        counts.append(remaining(shared))
        time.sleep(RETRY_SECONDS + 0.1)  # it is asked again

    assert counts == [MAXIMUM - 1, MAXIMUM - 2, MAXIMUM - 3]
    assert store_state(shared) == "down: counting in memory"
    awake.ask("REPLICAOF", "NO", "ONE") if trouble == "follow" else awake.ask("CONFIG", "SET", "maxmemory", "0")
    wait_until(lambda: remaining(shared) > MAXIMUM - 3)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("limit.")]
    assert told == ["limit.store_lost", "limit.store_found"]


def test_a_valkey_with_another_password_stops_no_request(make_app: MakeApp, awake: ValkeyServer) -> None:
    awake.lock()
    api = counting_in(awake, make_app, REDIS_URL=awake.url.replace("//", "//:wrong@"))

    assert [remaining(api), remaining(api)] == [MAXIMUM - 1, MAXIMUM - 2]
    assert store_state(api) == "down: counting in memory"


def test_an_emptied_valkey_breaks_nothing(awake: ValkeyServer, shared: Api) -> None:
    remaining(shared)
    awake.restart()
    assert remaining(shared) == MAXIMUM - 1
