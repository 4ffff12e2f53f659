"""GET /health: the process lives, whatever else does not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import event

from config import Config
from otp_service.application import create_app
from otp_service.extensions import db
from tests.api import Api
from tests.loopback import noticing
from tests.ops.environment import forsaken, leave_redis
from tests.parallel import at_once
from tests.servers import ValkeyServer


@pytest.fixture
def lonely(tmp_path: Path) -> Flask:
    """An application whose database, Redis and Sinch are all away."""
    return create_app(Config.from_env(forsaken(tmp_path)))


@pytest.fixture
def counting(tmp_path: Path, valkey: ValkeyServer) -> Iterator[Flask]:
    """An application whose database is away, with a real Valkey."""
    app = create_app(Config.from_env({**forsaken(tmp_path), "REDIS_URL": valkey.url}))
    yield app
    with app.app_context():
        db.engine.dispose()
    leave_redis(app)


def test_the_answer_says_up_and_when(lonely: Flask) -> None:
    response = Api(lonely).get("//health")
    body = dict(response.json or {})
    at = datetime.fromisoformat(body.pop("timestamp"))
    assert (response.status_code, body) == (200, {"status": "UP"})
    assert at.utcoffset() == timedelta()
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)  # noqa: TID251 - what a client compares with


def test_with_everything_away_it_answers_and_tries_to_reach_none_of_it(lonely: Flask) -> None:
    to_the_database: list[object] = []
    with lonely.app_context():
        event.listen(db.engine, "do_connect", lambda *connection: to_the_database.append(connection))

    with noticing() as elsewhere:
        statuses = [Api(lonely).get("//health").status_code for _ in range(20)]

    assert statuses == [200] * 20
    assert (to_the_database, elsewhere) == ([], [])


def test_it_is_never_limited(tmp_path: Path) -> None:
    app = create_app(Config.from_env({**forsaken(tmp_path), "RATE_LIMIT_MAX_REQUESTS": "1"}))
    assert [Api(app).get("//health").status_code for _ in range(5)] == [200] * 5


def test_it_asks_redis_nothing(counting: Flask, valkey: ValkeyServer) -> None:
    Api(counting).get("/nowhere")  # the connection is open now
    with redis.Redis.from_url(valkey.url) as client:
        client.config_resetstat()
        for _ in range(5):
            assert Api(counting).get("//health").status_code == 200
        assert set(client.info("commandstats")) <= {"cmdstat_config|resetstat", "cmdstat_info"}


def test_a_stalled_redis_is_not_even_noticed(
    counting: Flask, valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    Api(counting).get("/nowhere")
    valkey.pause()
    try:
        assert at_once(5, lambda _: Api(counting).get("//health").status_code) == [200] * 5
    finally:
        valkey.resume()
    assert "limit.store_lost" not in caplog.text


def test_it_holds_no_connection_to_the_database(app: Flask, api: Api) -> None:
    assert api.get("//health").status_code == 200
    with app.app_context():
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.one_database
def test_it_takes_get_and_head_only(api: Api, method: str) -> None:
    assert api.send(method, "//health").status_code == 405
    assert api.send("HEAD", "//health").status_code == 200


def test_a_token_or_a_body_changes_nothing(api: Api) -> None:
    assert api.get("//health", token="nonsense", data=b"\xff{", content_type="application/json").status_code == 200


def test_it_carries_a_request_id_and_the_security_headers(api: Api) -> None:
    headers = api.get("//health", headers={"X-Request-ID": "check-1"}).headers
    assert headers["X-Request-ID"] == "check-1"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "application/json"
