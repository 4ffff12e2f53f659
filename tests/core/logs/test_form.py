"""A log line is one JSON object with its time, event and request id, whatever the outside world puts into it."""

import json
import logging
import re
from typing import Any, NoReturn

import pytest
from flask import Flask

from otp_service.core.logging import JsonFormatter, TextFormatter
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import make_person

HOSTILE = '\r\n{"event":"forged"}\n\x1b[31m"\\\x00\x7f\x9b2J\u2028\u2029\u202e\x85'
NASTY = [HOSTILE, "\ud800", b"\xff\r\n", 10**30, float("nan"), float("inf"), {"a": HOSTILE}, [HOSTILE], object()]


def record(event: str = "happened", **fields: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "otp_service.test", "levelname": "INFO", "msg": event, **fields})


def fail() -> NoReturn:
    raise RuntimeError(HOSTILE)


def caught() -> RuntimeError:
    with pytest.raises(RuntimeError) as error:
        fail()
    return error.value


def parse(line: str) -> dict[str, Any]:
    """The object of one line; what JSON's grammar does not know (NaN) is refused."""
    assert line.splitlines() == [line]
    assert line.isprintable()
    return dict(json.loads(line, parse_constant=pytest.fail))


def test_a_line_has_a_utc_time_a_level_and_an_event() -> None:
    told = parse(JsonFormatter().format(record(userId=7)))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {"level": "INFO", "logger": "otp_service.test", "event": "happened", "userId": 7}


@pytest.mark.parametrize("value", NASTY, ids=lambda value: type(value).__name__)
def test_no_value_breaks_a_line(value: Any) -> None:
    told = parse(JsonFormatter().format(record("happened %s", args=(value,), field=value)))
    assert told["event"].startswith("happened ")
    assert "field" in told


def test_no_value_forges_an_event() -> None:
    told = parse(JsonFormatter().format(record(agent=HOSTILE)))
    assert told["event"] == "happened"
    assert told["agent"].startswith('\r\n{"event":"forged"}')


def test_a_trace_stays_in_its_line() -> None:
    told = parse(JsonFormatter().format(record(exc_info=(RuntimeError, caught(), caught().__traceback__))))
    assert told["exception"].startswith("Traceback (most recent call last):\n")


def test_the_readable_form_has_time_level_event_and_quoted_values() -> None:
    line = TextFormatter().format(record(userId=7, channel="sms", agent='"quoted"'))
    assert re.fullmatch(r'\d\d:\d\d:\d\d\.\d{3} INFO    happened userId=7 channel="sms" agent="\\"quoted\\""', line)


@pytest.mark.parametrize("value", NASTY, ids=lambda value: type(value).__name__)
def test_the_readable_form_is_one_printable_line_too(value: Any) -> None:
    line = TextFormatter().format(record("happened %s", args=(value,), field=value))
    assert line.splitlines() == [line]
    assert line.isprintable()


def test_in_the_readable_form_a_trace_is_indented_below_its_line() -> None:
    text = TextFormatter().format(record(exc_info=(RuntimeError, caught(), caught().__traceback__)))
    first, *rest = text.split("\n")
    assert "happened" in first
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


@pytest.fixture
def lines(app: Flask, capsys: pytest.CaptureFixture[str]) -> Any:
    """What the service wrote since the last call."""
    return lambda: [parse(line) for line in capsys.readouterr().err.splitlines()]


def hostile_request(app: Flask) -> Any:
    sent = HOSTILE.encode().decode("latin-1")  # as WSGI has it
    environ = {"HTTP_USER_AGENT": sent, "HTTP_X_REQUEST_ID": sent, "PATH_INFO": f"/api/v1/{sent}"}
    return app.test_client().get("/", environ_overrides=environ)


def test_hostile_headers_and_paths_reach_no_line(make_app: MakeApp, lines: Any) -> None:
    hostile_request(make_app(LOG_LEVEL="DEBUG"))
    told = lines()
    assert {line["event"] for line in told} <= {"request", "request.refused", "service.starting"}
    assert "forged" not in str(told)


def test_a_request_is_one_line_with_its_route_and_never_its_path(make_app: MakeApp, lines: Any) -> None:
    api = Api(make_app())
    lines()
    response = api.get("/profile/secret-path?token=secret-query", headers={"X-Request-ID": "my-id"})
    assert response.status_code == 404
    told = [line for line in lines() if line["logger"] == "otp_service.access"]
    assert [line.pop("ms") >= 0 for line in told] == [True]
    assert [{name: line[name] for name in line if name not in {"time", "level", "logger"}} for line in told] == [
        {
            "event": "request",
            "requestId": "my-id",
            "method": "GET",
            "route": "unknown",
            "status": 404,
            "ip": "127.0.0.1",
        }
    ]


def test_all_lines_of_a_request_carry_its_id(app: Flask, make_app: MakeApp, lines: Any) -> None:
    api, person = Api(make_app()), make_person(app)
    lines()
    api.post("/auth/login", person.credentials, headers={"X-Request-ID": "my-id"})
    told = lines()
    assert {line["requestId"] for line in told} == {"my-id"}
    assert {"otp.requested", "sinch.call", "request"} <= {line["event"] for line in told}


@pytest.mark.parametrize(("level", "count"), [("DEBUG", 1), ("INFO", 0)])
def test_probes_are_logged_for_those_who_debug(make_app: MakeApp, lines: Any, level: str, count: int) -> None:
    api = Api(make_app(LOG_LEVEL=level))
    lines()
    api.get("//health")
    assert len(lines()) == count


def test_a_refused_limit_is_a_warning(make_app: MakeApp, lines: Any) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MAX_REQUESTS="1"))
    for _ in range(2):
        api.get("/profile")
    assert [line["level"] for line in lines() if line["event"] == "limit.reached"] == ["WARNING"]


def test_a_service_writes_each_line_once_however_often_it_was_made(make_app: MakeApp, lines: Any) -> None:
    for _ in range(3):
        app = make_app()
    lines()
    Api(app).get("/profile")
    assert [line["event"] for line in lines()] == ["request.refused", "request"]
