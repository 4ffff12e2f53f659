"""How many requests an address may send in all."""

import pytest
from flask import Flask

from tests.api import Api
from tests.conftest import MakeApp
from tests.core.web.refusals import PROBLEM, REFUSALS
from tests.factories import make_person
from tests.parallel import at_once
from tests.waiting import wait_until

pytestmark = pytest.mark.one_database

LIMITS = {"RATE_LIMITS_ENABLED": "true"}


def limited(make_app: MakeApp, maximum: int, **settings: str) -> Api:
    return Api(make_app(**{**LIMITS, "RATE_LIMIT_MAX_REQUESTS": str(maximum), **settings}))


def test_an_address_may_send_so_many_requests_in_a_window(make_app: MakeApp) -> None:
    api = limited(make_app, 3, RATE_LIMIT_WINDOW_MS="60000")
    assert [api.get("/profile").status_code for _ in range(5)] == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("accept", ["application/json", PROBLEM])
def test_who_has_sent_too_many_is_told_when_to_come_back(make_app: MakeApp, accept: str) -> None:
    api = limited(make_app, 1, RATE_LIMIT_WINDOW_MS="60000")
    api.get("/profile")
    response = api.get("/profile", headers={"Accept": accept})
    assert (response.status_code, response.content_type) == (429, accept)
    assert response.json["code"] == "rate_limited"
    assert 1 <= int(response.headers["Retry-After"]) == response.json["retryAfter"] <= 61


def test_every_answer_says_where_the_address_stands(make_app: MakeApp) -> None:
    api = limited(make_app, 3, RATE_LIMIT_WINDOW_MS="60000")
    seen = [api.get("/profile").headers for _ in range(4)]
    assert [headers["RateLimit-Limit"] for headers in seen] == ["3"] * 4
    assert [headers["RateLimit-Remaining"] for headers in seen] == ["2", "1", "0", "0"]
    assert all(1 <= int(headers["RateLimit-Reset"]) <= 61 for headers in seen)


def test_refusals_are_counted_and_say_so_too(make_app: MakeApp) -> None:
    api = limited(make_app, 100)
    for refusal in REFUSALS:
        headers = refusal.provoke(api).headers
        assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= set(headers.keys()), refusal.name
    assert api.get("/profile").headers["RateLimit-Remaining"] == str(100 - len(REFUSALS) - 1)


@pytest.mark.parametrize("path", ["/nope", "//nope", "/auth/login"])
def test_what_no_route_answers_is_limited_too(make_app: MakeApp, path: str) -> None:
    api = limited(make_app, 2)
    assert [api.get(path).status_code for _ in range(3)][2] == 429


@pytest.mark.parametrize("path", ["//health", "//ready"])
def test_probes_are_neither_counted_nor_limited_but_told(make_app: MakeApp, path: str) -> None:
    api = limited(make_app, 2)
    answers = [api.get(path) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["RateLimit-Remaining"] for answer in answers} == {"2"}
    assert [api.get("/profile").status_code for _ in range(3)] == [401, 401, 429]
    assert api.get(path).status_code == 200


def test_a_window_ends(make_app: MakeApp) -> None:
    api = limited(make_app, 1, RATE_LIMIT_WINDOW_MS="3000")
    assert [api.get("/profile").status_code for _ in range(2)] == [401, 429]

    wait_until(lambda: api.get("/profile").status_code == 401)


def test_of_50_requests_at_once_no_more_pass_than_may(make_app: MakeApp) -> None:
    api = limited(make_app, 20)
    statuses = at_once(50, lambda _: api.get("/profile").status_code)
    assert sorted(statuses) == [401] * 20 + [429] * 30


def test_a_limited_request_does_nothing(app: Flask, make_app: MakeApp) -> None:
    api, person = limited(make_app, 1), make_person(app)
    api.get("/profile")
    assert api.post("/auth/login", person.credentials).status_code == 429
    assert "challengeToken" in (Api(app).post("/auth/login", person.credentials).json or {})


def test_limits_can_be_turned_off(make_app: MakeApp) -> None:
    api = limited(make_app, 1, RATE_LIMITS_ENABLED="false", RATE_LIMIT_FAILED_LOGINS="1")
    answers = [api.get("/profile") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {401}
    assert not [name for name in answers[0].headers.keys() if name.startswith("RateLimit")]  # noqa: SIM118


def test_applications_of_one_process_neither_share_counts_nor_switches(app: Flask, make_app: MakeApp) -> None:
    first, second = limited(make_app, 2), limited(make_app, 3)
    unlimited = Api(app)
    for _ in range(5):
        assert unlimited.get("/profile").status_code == 401
    assert [first.get("/profile").status_code for _ in range(3)] == [401, 401, 429]
    assert [second.get("/profile").status_code for _ in range(4)] == [401, 401, 401, 429]
