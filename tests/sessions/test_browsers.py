"""X-Token-Transport: cookie. The refresh token of a browser stays out of reach of scripts and of other pages."""

from typing import Any

import pytest
from flask import Flask

from otp_service import sessions
from otp_service.accounts import users
from otp_service.audit import COMMAND_LINE
from otp_service.core.web.api import Contract
from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person
from tests.parallel import at_once
from tests.round_trips import listening
from tests.sessions.browser import BY_COOKIE, Browser, cookies_of
from tests.sessions.conftest import SignedIn, is_open, refresh

REFRESH, CSRF = "refresh_token_cookie", "csrf_refresh_token"
CSRF_INVALID = (403, "csrf_token_invalid")


@pytest.fixture
def carol(app: Flask) -> Person:
    """A person who has not signed in yet."""
    return make_person(app)


@pytest.fixture
def browser(api: Api, sinch: Simulator, carol: Person) -> Browser:
    """Carol's browser, signed in by cookie."""
    browser = Browser(api)
    assert browser.sign_in(sinch, carol).status_code == 200
    return browser


def refused(response: Answer) -> tuple[int, str]:
    return response.status_code, response.json["code"]


def deleted(response: Answer) -> set[str]:
    return {name for name, morsel in cookies_of(response).items() if morsel["max-age"] == "0"}


# Handing out


@pytest.mark.one_database
def test_the_refresh_token_goes_into_a_cookie_in_place_of_the_body(api: Api, sinch: Simulator, carol: Person) -> None:
    browser = Browser(api)

    response = browser.sign_in(sinch, carol)

    assert {"token", "csrfToken", "sessionId", "expiresIn"} <= set(response.json)
    assert "refreshToken" not in response.json
    assert browser.jar[REFRESH].startswith("rt_")
    assert browser.jar[CSRF] == response.json["csrfToken"]


@pytest.mark.one_database
def test_a_script_reads_neither_cookie_but_the_one_for_scripts(api: Api, sinch: Simulator, carol: Person) -> None:
    lines = Browser(api).sign_in(sinch, carol).headers.getlist("Set-Cookie")

    attributes = [set(line.split("; ")[1:]) for line in lines]
    common = {"Secure", "Path=/", "SameSite=Strict", f"Max-Age={30 * 86_400}"}
    assert [{one for one in found if not one.startswith("Expires")} for found in attributes] == [
        {*common, "HttpOnly"},
        common,
    ]


@pytest.mark.parametrize(
    ("settings", "seconds"), [({"REFRESH_IDLE": "1h"}, 3_600), ({"REFRESH_TTL": "2h"}, 7_200)], ids=["idle", "end"]
)
@pytest.mark.one_database
def test_a_cookie_lives_as_long_as_its_session(
    make_app: MakeApp, sinch: Simulator, carol: Person, time: Time, settings: dict[str, str], seconds: int
) -> None:
    browser = Browser(Api(make_app(**settings)))
    given = browser.sign_in(sinch, carol)

    time.advance(1_800)
    renewed = browser.refresh()

    left = seconds if "REFRESH_IDLE" in settings else seconds - 1_800
    assert cookies_of(given)[REFRESH]["max-age"] == str(seconds)
    assert abs(int(cookies_of(renewed)[REFRESH]["max-age"]) - left) <= 60


@pytest.mark.one_database
def test_a_client_that_does_not_ask_gets_no_cookie(api: Api, sinch: Simulator, carol: Person) -> None:
    body = {"challengeToken": log_in(api, carol)["challengeToken"], "otpCode": code_on_phone(sinch, carol)}

    response = api.post("/auth/verify-otp", body, headers={"X-Token-Transport": "body"})

    assert {"refreshToken"} <= set(response.json)
    assert "csrfToken" not in response.json
    assert cookies_of(response) == {}
    assert cookies_of(api.post("/auth/refresh", {"refreshToken": response.json["refreshToken"]})) == {}


@pytest.mark.parametrize("asked", ["Cookie", "cookies", "", "cookie, body", "\xe9"])
@pytest.mark.one_database
def test_another_transport_is_400_and_spends_no_code(api: Api, sinch: Simulator, carol: Person, asked: str) -> None:
    body = {"challengeToken": log_in(api, carol)["challengeToken"], "otpCode": code_on_phone(sinch, carol)}

    response = api.post("/auth/verify-otp", body, headers={"X-Token-Transport": asked})

    assert refused(response) == (400, "validation_failed")
    assert response.json["errors"] == [
        {"field": "X-Token-Transport", "message": "Send one of body, cookie, or leave it out."}
    ]
    assert api.post("/auth/verify-otp", body).status_code == 200


@pytest.mark.one_database
def test_each_route_that_hands_out_a_refresh_token_can_put_it_into_a_cookie(session_app: Flask) -> None:
    contracts: dict[str, Contract] = {
        endpoint: view.contract for endpoint, view in session_app.view_functions.items() if hasattr(view, "contract")
    }
    handing_out = {name for name, one in contracts.items() if one.out and "refresh_token" in one.out.fields}
    by_cookie = {name for name, view in session_app.view_functions.items() if hasattr(view, "hands_out_tokens")}

    assert {"auth.login", "auth.verify_otp", "auth.refresh", "mfa.webauthn", "account.change_password"} <= handing_out
    assert by_cookie == handing_out


@pytest.mark.one_database
def test_a_login_without_a_second_step_and_a_new_password_go_by_cookie(
    make_app: MakeApp, sinch: Simulator, browser: Browser, carol: Person
) -> None:
    api = Api(make_app(MFA_POLICY="enrolment"))
    later = Browser(api)

    signed_in = later.post("/auth/login", carol.credentials, headers=BY_COOKIE)
    passwords = {"currentPassword": carol.password, "newPassword": "Other-Horse-8"}
    changed = browser.post("/account/password", passwords, headers=BY_COOKIE, token=browser.access_token)

    assert [("refreshToken" in one.json, one.status_code) for one in (signed_in, changed)] == [(False, 200)] * 2
    assert browser.refresh().status_code == 200
    assert later.csrf_token != browser.csrf_token


@pytest.mark.one_database
def test_a_login_with_a_second_step_sets_no_cookie_yet(api: Api, carol: Person) -> None:
    assert cookies_of(api.post("/auth/login", carol.credentials, headers=BY_COOKIE)) == {}


def new_password(carol: Person) -> dict[str, str]:
    return {"currentPassword": carol.password, "newPassword": "Other-Horse-8"}


@pytest.mark.one_database
def test_a_new_password_goes_by_cookie_where_the_token_came_by_cookie(browser: Browser, carol: Person) -> None:
    headers = browser.csrf()

    changed = browser.post("/account/password", new_password(carol), headers=headers, token=browser.access_token)

    assert (changed.status_code, "refreshToken" in changed.json) == (200, False)
    assert changed.json["csrfToken"] == browser.jar[CSRF]
    assert browser.refresh().status_code == 200


@pytest.mark.one_database
def test_a_new_password_without_the_csrf_token_or_out_of_the_cookie_changes_nothing(
    browser: Browser, carol: Person
) -> None:
    token, by_body = browser.access_token, {**browser.csrf(), "X-Token-Transport": "body"}

    responses = [
        browser.post("/account/password", new_password(carol), headers=headers, token=token)
        for headers in ({}, {"X-CSRF-Token": "x"}, by_body)
    ]

    assert [refused(one) for one in responses] == [CSRF_INVALID, CSRF_INVALID, (400, "validation_failed")]
    assert [cookies_of(one) for one in responses] == [{}, {}, {}]
    assert browser.refresh().status_code == 200
    assert browser.api.post("/auth/login", carol.credentials).status_code == 200


@pytest.mark.one_database
def test_a_new_password_without_a_cookie_of_ours_goes_into_the_body(browser: Browser, carol: Person) -> None:
    browser.jar = {REFRESH: "x"}

    changed = browser.post("/account/password", new_password(carol), token=browser.access_token)

    assert (changed.status_code, "refreshToken" in changed.json, deleted(changed)) == (200, True, {REFRESH, CSRF})


# Refreshing


@pytest.mark.parametrize("body", [{}, None], ids=["empty", "none"])
@pytest.mark.one_database
def test_a_refresh_by_cookie_answers_by_cookie(browser: Browser, body: Any) -> None:
    before, csrf_token = browser.jar[REFRESH], browser.csrf_token

    response = browser.post("/auth/refresh", body, headers=browser.csrf())

    assert response.status_code == 200
    assert set(response.json) == {"token", "tokenType", "expiresIn", "csrfToken", "sessionId"}
    assert browser.jar[REFRESH] != before
    assert browser.csrf_token == csrf_token  # other tabs go on with theirs
    assert is_open(browser.api, browser.access_token)


def test_a_chain_of_refreshes_by_cookie_goes_on(browser: Browser) -> None:
    assert [browser.refresh().status_code for _ in range(4)] == [200] * 4


@pytest.mark.one_database
def test_a_refresh_token_moves_from_the_body_into_a_cookie(api: Api, alice: SignedIn) -> None:
    browser = Browser(api)

    moved = browser.post("/auth/refresh", {"refreshToken": alice.refresh_token}, headers=BY_COOKIE)

    assert (moved.status_code, "refreshToken" in moved.json) == (200, False)
    assert browser.refresh().json["sessionId"] == alice.answer["sessionId"]


@pytest.mark.one_database
def test_a_refresh_token_does_not_move_from_the_cookie_into_a_body(browser: Browser) -> None:
    response = browser.post("/auth/refresh", {}, headers={**browser.csrf(), "X-Token-Transport": "body"})

    assert refused(response) == (400, "validation_failed")
    assert [fault["field"] for fault in response.json["errors"]] == ["X-Token-Transport"]
    assert browser.refresh().status_code == 200


@pytest.mark.one_database
def test_the_token_of_the_body_goes_before_the_cookie(browser: Browser, alice: SignedIn) -> None:
    response = browser.post("/auth/refresh", {"refreshToken": alice.refresh_token})

    assert response.json["sessionId"] == alice.answer["sessionId"]
    assert "refreshToken" in response.json
    assert cookies_of(response) == {}
    assert browser.refresh().json["sessionId"] != alice.answer["sessionId"]


@pytest.mark.parametrize("body", [{"refreshToken": ""}, {"refreshToken": None}, {"token": "x"}], ids=str)
@pytest.mark.one_database
def test_a_malformed_body_is_400_also_with_a_cookie(browser: Browser, body: dict[str, Any]) -> None:
    assert refused(browser.post("/auth/refresh", body, headers=browser.csrf())) == (400, "validation_failed")
    assert browser.refresh().status_code == 200


@pytest.mark.one_database
def test_without_a_cookie_the_body_needs_a_token_as_ever(api: Api) -> None:
    assert api.post("/auth/refresh", {}, headers=BY_COOKIE).json["errors"][0]["field"] == "refreshToken"
    assert api.post("/auth/refresh", headers=BY_COOKIE).status_code == 415


@pytest.mark.one_database
def test_a_lost_response_may_be_asked_for_again_with_the_same_cookie(browser: Browser, time: Time) -> None:
    lost = browser.twin()
    assert lost.refresh().status_code == 200
    time.advance(9)

    again = browser.refresh()

    assert again.status_code == 200
    assert browser.jar == lost.jar


def test_a_reused_cookie_ends_the_session_and_is_deleted(browser: Browser, time: Time) -> None:
    stolen = browser.twin()
    assert browser.refresh().status_code == 200
    time.advance(11)

    response = stolen.refresh()

    assert refused(response) == (401, "token_reused")
    assert deleted(response) == {REFRESH, CSRF}
    assert refused(browser.refresh()) == (401, "invalid_token")
    assert browser.jar == {}


def test_of_30_tabs_that_refresh_at_once_all_go_on_with_one_cookie(browser: Browser) -> None:
    tabs = [browser.twin() for _ in range(30)]

    statuses = at_once(30, lambda number: tabs[number].refresh().status_code)

    assert set(statuses) == {200}
    assert len({tab.jar[REFRESH] for tab in tabs}) == 1
    assert tabs[7].refresh().status_code == 200


@pytest.mark.one_database
def test_the_cookie_of_a_deleted_person_is_401_and_is_deleted(app: Flask, browser: Browser, carol: Person) -> None:
    with app.app_context():
        users.remove(carol.id)

    response = browser.refresh()

    assert refused(response) == (401, "invalid_token")
    assert deleted(response) == {REFRESH, CSRF}


@pytest.mark.parametrize("value", ["", "x", "rt_" + "a" * 43 + ".1." + "b" * 43, "rt_" + "a" * 7_000], ids=len)
@pytest.mark.one_database
def test_a_cookie_that_is_not_ours_costs_no_statement_and_is_deleted(app: Flask, api: Api, value: str) -> None:
    browser = Browser(api)
    browser.jar = {REFRESH: value}

    with listening(app) as asked:
        response = browser.refresh()

    assert refused(response) == (401, "invalid_token")
    assert deleted(response) == {REFRESH, CSRF}
    assert asked.statements == []


@pytest.mark.parametrize("order", [1, -1], ids=["first", "last"])
@pytest.mark.one_database
def test_a_cookie_that_comes_twice_is_400_and_rotates_no_token(
    api: Api, browser: Browser, alice: SignedIn, order: int
) -> None:
    both = "; ".join([f"{REFRESH}={browser.jar[REFRESH]}", f"{REFRESH}={alice.refresh_token}"][::order])
    headers = {"Cookie": both, **browser.csrf()}

    responses = [api.post(path, {}, headers=headers) for path in ("/auth/refresh", "/auth/logout")]

    assert [refused(one) for one in responses] == [(400, "cookie_repeated")] * 2
    assert browser.refresh().status_code == 200
    assert refresh(api, alice.refresh_token)[0] == 200


# Forged requests


@pytest.mark.one_database
def test_a_forged_refresh_or_logout_changes_nothing(app: Flask, api: Api, browser: Browser, sinch: Simulator) -> None:
    stranger = Browser(api)
    stranger.sign_in(sinch, make_person(app))
    planted = {**browser.jar, CSRF: stranger.csrf_token}
    tries: list[dict[str, str]] = [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x"},
        {"X-CSRF-Token": "\xe9\xff"},
        {"X-CSRF-Token": stranger.csrf_token},
        {"X-CSRF-Token": stranger.csrf_token, "Cookie": "; ".join(f"{k}={v}" for k, v in planted.items())},
        {"X-CSRF-Token": browser.jar[REFRESH]},
    ]

    with listening(app) as asked:
        responses = [browser.post(path, {}, headers=one) for one in tries for path in ("/auth/refresh", "/auth/logout")]

    assert {refused(response) for response in responses} == {CSRF_INVALID}
    assert [cookies_of(response) for response in responses] == [{}] * len(responses)
    assert asked.statements == []
    assert browser.refresh().status_code == 200


@pytest.mark.one_database
def test_an_access_token_does_not_stand_for_the_csrf_token(browser: Browser) -> None:
    assert refused(browser.post("/auth/logout", token=browser.access_token)) == CSRF_INVALID
    assert is_open(browser.api, browser.access_token)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.one_database
def test_a_form_of_another_page_signs_no_browser_in(api: Api, sinch: Simulator, carol: Person, kind: str) -> None:
    body = {"challengeToken": log_in(api, carol)["challengeToken"], "otpCode": code_on_phone(sinch, carol)}
    text = str(body).replace("'", '"')

    response = api.post("/auth/verify-otp", data=text, content_type=kind, headers=BY_COOKIE)

    assert (response.status_code, cookies_of(response)) == (415, {})


@pytest.mark.one_database
def test_the_csrf_token_survives_a_rotation_of_the_encryption_key(
    make_app: MakeApp, sinch: Simulator, carol: Person
) -> None:
    old, new = "b2xkIGtleSBvZiAzMiBieXRlcyBmb3IgdGVzdHMgLi4=", "bmV3IGtleSBvZiAzMiBieXRlcyBmb3IgdGVzdHMgLi4="
    before = Browser(Api(make_app(ENCRYPTION_KEY=old)))
    before.sign_in(sinch, carol)

    after = before.twin()
    after.api = Api(make_app(ENCRYPTION_KEY=f"{new},{old}"))

    assert after.refresh().status_code == 200
    assert after.csrf_token != before.csrf_token
    after.api = Api(make_app(ENCRYPTION_KEY=new))
    assert after.refresh().status_code == 200


# Leaving


@pytest.mark.one_database
def test_a_browser_signs_out_without_an_access_token(browser: Browser) -> None:
    response = browser.post("/auth/logout", headers=browser.csrf())

    assert (response.status_code, response.data) == (204, b"")
    assert deleted(response) == {REFRESH, CSRF}
    assert not is_open(browser.api, browser.access_token)


@pytest.mark.one_database
def test_a_browser_whose_access_token_has_expired_signs_out(browser: Browser, time: Time) -> None:
    time.advance(3_600)

    left = browser.twin().post("/auth/logout", headers=browser.csrf(), token=browser.access_token)

    assert left.status_code == 204
    assert refused(browser.refresh()) == (401, "invalid_token")


@pytest.mark.one_database
def test_signing_out_with_an_earlier_cookie_ends_the_session(browser: Browser) -> None:
    earlier = browser.twin()
    browser.refresh()

    assert earlier.post("/auth/logout", headers=earlier.csrf()).status_code == 204
    assert not is_open(browser.api, browser.access_token)


def test_signing_out_ends_the_sessions_of_both_tokens(browser: Browser, alice: SignedIn) -> None:
    assert browser.post("/auth/logout", headers=browser.csrf(), token=alice.token).status_code == 204

    assert [is_open(browser.api, token) for token in (alice.token, browser.access_token)] == [False, False]


@pytest.mark.one_database
def test_the_cookie_of_an_ended_session_signs_nobody_out(app: Flask, browser: Browser, carol: Person) -> None:
    with app.app_context():
        sessions.log_out_everywhere(carol.id, client=COMMAND_LINE)

    response = browser.post("/auth/logout", headers=browser.csrf())

    assert refused(response) == (401, "invalid_token")
    assert deleted(response) == {REFRESH, CSRF}


@pytest.mark.one_database
def test_signing_out_everywhere_deletes_the_cookies(browser: Browser) -> None:
    response = browser.post("/auth/logout-all", token=browser.access_token)

    assert (response.status_code, deleted(response)) == (204, {REFRESH, CSRF})


def test_of_20_tabs_that_sign_out_at_once_each_is_answered(browser: Browser) -> None:
    tabs = [browser.twin() for _ in range(20)]

    statuses = at_once(20, lambda number: tabs[number].post("/auth/logout", headers=browser.csrf()).status_code)

    assert set(statuses) <= {204, 401}
    assert 204 in statuses
    assert not is_open(browser.api, browser.access_token)


# Where TLS is


OVER_TLS = {
    "public URL": ({"PUBLIC_URL": "https://id.example.com"}, {}),
    "trusted proxy": ({"TRUSTED_PROXY_COUNT": "1"}, {"X_Forwarded_Proto": "https"}),
}


@pytest.mark.parametrize("where", OVER_TLS)
@pytest.mark.one_database
def test_over_tls_no_other_host_can_set_the_cookies(
    make_app: MakeApp, sinch: Simulator, carol: Person, alice: SignedIn, where: str
) -> None:
    settings, headers = OVER_TLS[where]
    browser = Browser(Api(make_app(**settings)), **headers)

    browser.sign_in(sinch, carol)

    assert set(browser.jar) == {f"__Host-{REFRESH}", f"__Host-{CSRF}"}
    assert browser.refresh().status_code == 200
    browser.jar[REFRESH] = alice.refresh_token  # as a sibling domain may plant it
    assert browser.refresh().status_code == 200
    del browser.jar[f"__Host-{REFRESH}"]
    assert refused(browser.refresh()) == (400, "validation_failed")


@pytest.mark.one_database
def test_a_header_that_no_proxy_vouches_for_changes_no_name(api: Api, sinch: Simulator, carol: Person) -> None:
    browser = Browser(api, X_Forwarded_Proto="https")

    browser.sign_in(sinch, carol)

    assert set(browser.jar) == {REFRESH, CSRF}
