"""In development, without a mail server, messages are read on a page."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from otp_service import outbox
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from tests.api import Api
from tests.conftest import MakeApp
from tests.environments import PRODUCTION

pytestmark = pytest.mark.one_database

LINK = "https://app.example.com/verify?a=1&b=2#lk_token"


def post(app: Flask, to: str = "ada@example.com", agent: str = "a browser") -> None:
    with app.app_context(), transaction():
        values: dict[str, Any] = {"link": LINK, "token": "lk_token", "valid_minutes": 9}
        outbox.enqueue("address_verification", to=to, locale="de", now=clock.now(), **values)
        outbox.enqueue("new_sign_in", to=to, locale=None, now=clock.now(), ip="192.0.2.1", agent=agent)


@pytest.fixture
def page(app: Flask) -> FlaskClient:
    return app.test_client()


def messages_on(page: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    return list((page.get(f"/mail.json{query}").json or {})["messages"])


def test_the_page_shows_messages_with_links_to_follow(app: Flask, page: FlaskClient) -> None:
    post(app)
    response = page.get("/mail")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert f'<a href="{LINK.replace("&", "&amp;")}">' in response.text
    assert "Bestätigen Sie Ihre E-Mail-Adresse" in response.text


def test_the_json_has_what_a_program_needs(app: Flask, page: FlaskClient) -> None:
    post(app)
    post(app, to="other@example.com")
    messages = messages_on(page, "?to=ADA@example.com")
    assert [message["to"] for message in messages] == ["ada@example.com"] * 2
    (verification,) = [message for message in messages if message["template"] == "address_verification"]
    assert (verification["link"], verification["locale"], verification["state"]) == (LINK, "de", "pending")
    assert len(messages_on(page)) == 4


def test_delivered_messages_stay_to_be_read(app: Flask, page: FlaskClient) -> None:
    post(app)
    with app.app_context():
        outbox.deliver()
    assert {message["state"] for message in messages_on(page)} == {"sent"}


def test_what_strangers_chose_is_shown_as_text(app: Flask, page: FlaskClient) -> None:
    post(app, agent="<script>alert(1)</script>")
    assert "<script>alert" not in page.get("/mail").text


def test_a_message_is_shown_as_it_looks_without_rights(app: Flask, page: FlaskClient) -> None:
    post(app)
    key = messages_on(page)[0]["id"]
    response = page.get(f"/mail/{key}.html")
    assert response.status_code == 200
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert page.get("/mail/nobody.html").status_code == 404


@pytest.mark.parametrize("path", ["/mail", "/mail/", "/mail.json", "/mail/page.css", "/mail/page.js"])
def test_every_part_is_guarded_and_never_stored(page: FlaskClient, path: str) -> None:
    response = page.get(path)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.post(path).status_code == 405


@pytest.mark.parametrize(
    "outside",
    [
        {"environ_overrides": {"REMOTE_ADDR": "8.8.8.8"}},
        {"environ_overrides": {"REMOTE_ADDR": ""}},
        {"environ_overrides": {"REMOTE_ADDR": "10.0.0.7"}},
        {"environ_overrides": {"REMOTE_ADDR": "172.17.0.1"}},
        {"headers": {"Host": "rebound.example.com"}},
        {"headers": {"Host": "localhost.example.com:8000"}},
        {"headers": {"Host": "10.0.0.7:8000"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        {"headers": {"Forwarded": "for=127.0.0.1"}},
    ],
)
def test_from_outside_there_is_no_page(page: FlaskClient, outside: dict[str, dict[str, str]]) -> None:
    for path in ("/mail", "/mail.json", "/mail/page.css"):
        assert page.get(path, **outside).status_code == 404


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "dev.example.com"])
def test_on_this_machine_a_name_of_its_own_opens_the_page(make_app: MakeApp, host: str) -> None:
    page = make_app(PUBLIC_URL="https://dev.example.com/otp").test_client()

    assert page.get("/mail.json", headers={"Host": host}).status_code == 200


def test_an_open_development_shows_the_page_to_private_networks_alone(make_app: MakeApp) -> None:
    page = make_app(ALLOW_INSECURE_DEVELOPMENT="true").test_client()

    statuses = [
        page.get("/mail.json", environ_overrides={"REMOTE_ADDR": address}).status_code
        for address in ("127.0.0.1", "172.17.0.1", "8.8.8.8")
    ]

    assert statuses == [200, 200, 404]


def test_in_production_there_is_no_page(make_app: MakeApp, environment: dict[str, str]) -> None:
    production = {**PRODUCTION, "DATABASE_URL": environment["DATABASE_URL"], "SINCH_BASE_URL": "", "REDIS_URL": ""}
    for settings in (production, {**production, "SMTP_URL": ""}):
        response = Api(make_app(**settings)).get("//mail.json")
        assert (response.status_code, response.json["code"]) == (404, "endpoint_not_found")


def test_with_a_mail_server_there_is_no_page(make_app: MakeApp) -> None:
    assert make_app(SMTP_HOST="127.0.0.1").test_client().get("/mail").status_code == 404
