"""Routes that may be called less often than others."""

from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import make_person, new_details, sign_in

pytestmark = pytest.mark.one_database


def limited(make_app: MakeApp, **settings: str) -> Api:
    return Api(make_app(RATE_LIMITS_ENABLED="true", **settings))


def wrong_login(api: Api, number: int) -> int:
    return api.post("/auth/login", {"email": f"nobody{number}@example.com", "password": "x"}).status_code


def test_an_address_may_register_five_people_an_hour(make_app: MakeApp) -> None:
    api = limited(make_app)
    answers = [api.post("/auth/register", new_details()) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    assert 3_590 < answers[5].json["retryAfter"] <= 3_601


@pytest.mark.parametrize("options", [{"json": {"email": 7}}, {"data": b"{"}, {"data": b"x" * 70_000}, {}])
def test_bad_registrations_are_counted(make_app: MakeApp, options: dict[str, Any]) -> None:
    api = limited(make_app, RATE_LIMIT_REGISTER_PER_HOUR="2")
    for _ in range(2):
        assert api.send("POST", "/auth/register", **options).status_code in {400, 413, 415}
    assert api.post("/auth/register", new_details()).status_code == 429


def test_an_address_may_fail_30_logins_in_15_minutes(make_app: MakeApp) -> None:
    api = limited(make_app)
    assert [wrong_login(api, number) for number in range(31)] == [401] * 30 + [429]


def test_failed_logins_are_told_as_they_are_counted(make_app: MakeApp) -> None:
    api = limited(make_app, RATE_LIMIT_FAILED_LOGINS="2")
    answers = [api.post("/auth/login", {"email": f"no{n}@example.com", "password": "x"}) for n in range(3)]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json["code"] == "rate_limited"
    assert 890 < answers[2].json["retryAfter"] <= 901


def test_right_logins_are_not_counted_as_failed(app: Flask, make_app: MakeApp) -> None:
    api, person = limited(make_app, RATE_LIMIT_FAILED_LOGINS="2"), make_person(app)
    assert {api.post("/auth/login", person.credentials).status_code for _ in range(5)} == {200}
    assert [wrong_login(api, number) for number in range(3)] == [401, 401, 429]
    assert api.post("/auth/login", person.credentials).status_code == 429


def test_refreshing_is_limited_whatever_the_token(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    api = limited(make_app, RATE_LIMIT_REFRESH_PER_MINUTE="3")
    token = sign_in(api, sinch, make_person(app))["refreshToken"]
    assert api.post("/auth/refresh", {"refreshToken": token}).status_code == 200
    assert api.post("/auth/refresh", {"refreshToken": "rt_nonsense"}).status_code == 401
    assert api.post("/auth/refresh", {"refreshToken": 7}).status_code == 400
    assert api.post("/auth/refresh", {"refreshToken": "rt_nonsense"}).status_code == 429


def test_asking_for_codes_and_trying_them_share_a_limit(make_app: MakeApp) -> None:
    api = limited(make_app, RATE_LIMIT_OTP_PER_MINUTE="2")
    body = {"email": "nobody@example.com"}
    assert api.post("/auth/request-otp", body).status_code == 404
    assert api.post("/auth/verify-otp", {**body, "otpCode": "1234"}).status_code == 404
    assert api.post("/auth/request-otp", body).status_code == 429
    assert api.post("/auth/verify-otp", {**body, "otpCode": "1234"}).status_code == 429


def test_a_limit_of_one_route_leaves_the_others_alone(make_app: MakeApp) -> None:
    api = limited(make_app, RATE_LIMIT_REGISTER_PER_HOUR="1", RATE_LIMIT_FAILED_LOGINS="1")
    assert [api.post("/auth/register", new_details()).status_code for _ in range(2)] == [201, 429]
    assert [wrong_login(api, number) for number in range(2)] == [401, 429]
    assert api.post("/auth/refresh", {"refreshToken": "rt_nonsense"}).status_code == 401
    assert api.get("/profile").status_code == 401


@pytest.mark.parametrize(
    "variant",
    ["/auth/register?x=1", "/auth/register#x", "/auth/%72egister", "/auth/register;x", "/auth/../auth/register"],
)
def test_no_other_way_to_write_a_path_opens_a_fresh_limit(make_app: MakeApp, variant: str) -> None:
    api = limited(make_app, RATE_LIMIT_REGISTER_PER_HOUR="1")
    api.post("/auth/register", new_details())
    assert api.post(variant, new_details()).status_code in {404, 429}


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "text/plain"])
def test_no_content_type_opens_a_fresh_limit(make_app: MakeApp, content_type: str) -> None:
    api = limited(make_app, RATE_LIMIT_REGISTER_PER_HOUR="1")
    api.post("/auth/register", new_details())
    assert api.send("POST", "/auth/register", data=b"{}", content_type=content_type).status_code == 429
