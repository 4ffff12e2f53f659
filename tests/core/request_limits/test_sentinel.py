"""Requests count in the server that a real Sentinel names, also after it named another one."""

from collections.abc import Iterator

import pytest

from tests.conftest import MakeApp
from tests.core.request_limits.test_valkey import MAXIMUM, counting_in, remaining, store_state
from tests.servers import ValkeyServer
from tests.waiting import wait_until

pytestmark = pytest.mark.one_database


@pytest.fixture
def replica(valkey: ValkeyServer) -> Iterator[ValkeyServer]:
    """A replica of the server, in step with it."""
    server = ValkeyServer()
    try:
        server.start()
        server.follow_server(valkey)
        wait_until(lambda: b"master_link_status:up" in server.ask("INFO", "replication"))
        yield server
    finally:
        server.remove()


@pytest.fixture
def sentinel(valkey: ValkeyServer, replica: ValkeyServer) -> Iterator[ValkeyServer]:
    """A Sentinel that knows both."""
    server = ValkeyServer()
    try:
        server.watch(valkey)
        wait_until(lambda: str(replica.port).encode() in server.ask("SENTINEL", "REPLICAS", "mymaster"))
        yield server
    finally:
        server.remove()


def test_requests_count_in_the_server_that_sentinel_names(
    make_app: MakeApp, valkey: ValkeyServer, sentinel: ValkeyServer
) -> None:
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/mymaster"
    api, other = counting_in(valkey, make_app, REDIS_URL=url), counting_in(valkey, make_app)

    assert [remaining(api), remaining(other), remaining(api)] == [MAXIMUM - 1, MAXIMUM - 2, MAXIMUM - 3]
    assert store_state(api) == "up"


def test_after_a_failover_they_count_in_the_new_server(
    make_app: MakeApp, valkey: ValkeyServer, replica: ValkeyServer, sentinel: ValkeyServer
) -> None:
    api = counting_in(valkey, make_app, REDIS_URL=f"redis+sentinel://127.0.0.1:{sentinel.port}/mymaster")
    remaining(api)

    # Refused until the Sentinel has heard from the replica.
    wait_until(lambda: b"OK" in sentinel.ask("SENTINEL", "FAILOVER", "mymaster"))

    wait_until(lambda: b"role:master" in replica.ask("INFO", "replication"))
    new = counting_in(replica, make_app, REDIS_URL=f"redis://127.0.0.1:{replica.port}/0")
    wait_until(lambda: remaining(api) == remaining(new) + 1)
    assert store_state(api) == "up"


def test_services_with_other_prefixes_share_no_count(make_app: MakeApp, valkey: ValkeyServer) -> None:
    first = counting_in(valkey, make_app, JWT_ISSUER="https://one.example.com")
    second = counting_in(valkey, make_app, JWT_ISSUER="https://two.example.com")
    third = counting_in(valkey, make_app, JWT_ISSUER="https://two.example.com", REDIS_PREFIX="https://one.example.com")

    assert [remaining(first), remaining(second), remaining(third)] == [MAXIMUM - 1, MAXIMUM - 1, MAXIMUM - 2]
    keys = valkey.ask("KEYS", "*").decode()
    assert {line.split("example.com")[0] for line in keys.splitlines() if "/" in line} == {
        "https://one.",
        "https://two.",
    }
