"""The pages that links in e-mails lead to."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from otp_service.accounts.password_policy import PasswordPolicy, check_policy
from otp_service.mail.catalogue import LOCALES
from otp_service.web.link_pages import NAMES, texts
from tests.accounts.email.letters import letters, token_sent
from tests.api import Api
from tests.conftest import MakeApp
from tests.environments import PRODUCTION
from tests.factories import make_person, new_details
from tests.web.conftest import InProduction

pytestmark = pytest.mark.one_database

FIRST_WORDS = {
    "verify-email": {"en": "Verify your", "de": "E-Mail-Adresse", "es": "Verificar su"},
    "release-email": {"en": "Take your", "de": "E-Mail-Adresse zur", "es": "Recuperar su"},
    "known-device": {"en": "Sign in on", "de": "Auf diesem", "es": "Iniciar sesi"},
    "keep-factor": {"en": "Keep your", "de": "Anmeldemethode", "es": "Conservar su"},
    "set-password": {"en": "Set a new", "de": "Neues Passwort", "es": "Establecer una"},
    "reset-password": {"en": "Reset your", "de": "Passwort", "es": "Restablecer su"},
    "undo-phone-change": {"en": "Restore your", "de": "Telefonnummer", "es": "Restaurar su"},
}
ELSEWHERE = "https://app.example.com"


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("accepted", "language"),
    [("", "en"), ("de-AT,en;q=0.5", "de"), ("es_MX", "es"), ("fr, es;q=0.2", "es"), ("de;q=0, fr", "en"), ("*", "en")],
)
def test_a_page_speaks_the_language_of_the_browser(
    browser: FlaskClient, name: str, accepted: str, language: str
) -> None:
    response = browser.get(f"/{name}", headers={"Accept-Language": accepted})

    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert (response.headers["Content-Language"], response.headers["Vary"]) == (language, "Accept-Language")
    assert f'<html lang="{language}">' in response.text
    assert f"<h1>{FIRST_WORDS[name][language]}" in response.text


@pytest.mark.parametrize("name", NAMES)
def test_a_page_loads_nothing_from_elsewhere_and_has_no_script_or_style_of_its_own(
    browser: FlaskClient, name: str
) -> None:
    response = browser.get(f"/{name}")
    loaded = re.findall(r'(?:href|src)="([^"]+)"', response.text)

    assert [browser.get(f"/{path}").status_code for path in loaded] == [200] * 3
    imported = re.findall(r'from "\./([^"]+)"', browser.get("/pages/page.js").text)
    assert [browser.get(f"/pages/{path}").status_code for path in imported] == [200]
    assert not re.search(r"<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=", response.text)
    (policy,) = response.headers.getlist("Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"


def test_opening_the_link_spends_nothing_and_the_button_of_the_page_does(app: Flask, api: Api) -> None:
    details = new_details()
    api.post("/auth/register", details)
    token = token_sent(api, details["email"])
    for method in ("GET", "HEAD", "GET"):
        assert api.send(method, f"//verify-email?token={token}").status_code == 200
    page = api.get("//verify-email").text
    called = re.findall(r'data-call="api/v1([^"]+)"', page)

    response = api.post(called[0], {"token": token})

    assert (response.status_code, response.json["message"]) == (200, "Email address verified.")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "reset-password"])
def test_the_form_of_a_page_calls_a_route_with_fields_that_it_takes(api: Api, name: str) -> None:
    page = re.sub(r"<fieldset.*?</fieldset>", "", api.get(f"//{name}").text, flags=re.S)  # disabled until asked for
    called, *others = re.findall(r'data-call="api/v1([^"]+)"', page)
    assert set(others) <= {called}  # the forms of a page are two ways to use one link
    body = dict.fromkeys(re.findall(r'<input[^>]* name="([^"]+)"', page), "lk_Unknown-7-token")

    response = api.post(called, body)

    assert (response.status_code, response.json["code"]) == (401, "invalid_token")


def test_no_log_line_has_the_token_of_an_old_link(browser: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    browser.get("/verify-email?token=lk_secret-of-one-person")

    lines = [(record.getMessage(), vars(record)) for record in caplog.records]
    assert [facts["route"] for event, facts in lines if event == "request"] == ["/verify-email"]
    assert "secret-of-one-person" not in repr(lines)


def test_another_method_is_an_error_in_our_form(api: Api) -> None:
    response = api.post("//verify-email", {})

    assert (response.status_code, response.json["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, HEAD"
    assert response.headers["X-Request-ID"] == response.json["requestId"]


def test_an_asset_is_sent_again_only_when_it_has_changed(browser: FlaskClient) -> None:
    first = browser.get("/pages/page.js")

    second = browser.get("/pages/page.js", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, first.mimetype) == (200, "text/javascript")
    assert (second.status_code, second.data) == (304, b"")


def test_over_tls_the_browser_is_told_to_stay_there(make_app: MakeApp) -> None:
    behind_proxy = make_app(TRUSTED_PROXY_COUNT="1").test_client()

    response = behind_proxy.get("/verify-email", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"})

    assert response.headers["Strict-Transport-Security"].startswith("max-age=")


def test_production_has_the_pages_unless_the_frontend_has_them(in_production: InProduction) -> None:
    own = in_production()
    for name in NAMES:
        assert own.get(f"//{name}").status_code == 200
    frontend = in_production(FRONTEND_URL=ELSEWHERE)
    assert frontend.get("//verify-email").json["code"] == "endpoint_not_found"
    assert in_production(FRONTEND_URL=ELSEWHERE, PUBLIC_URL="https://auth.example.com").get("//verify-email").text


def test_with_a_public_url_links_of_production_lead_to_these_pages(
    in_production: InProduction, make_app: MakeApp
) -> None:
    production = in_production(PUBLIC_URL="https://Auth.example.com/otp/")
    details = new_details()
    assert production.post("/auth/register", details).status_code == 201
    reader = Api(make_app(ENCRYPTION_KEY=PRODUCTION["ENCRYPTION_KEY"]))  # an application that shows mail

    (letter,) = letters(reader, details["email"])

    assert letter["link"].startswith("https://auth.example.com/otp/verify-email#token=lk_")


@pytest.mark.parametrize("settings", [{}, {"FRONTEND_URL": ELSEWHERE}, {"PUBLIC_URL": "https://auth.example.com"}])
def test_the_link_of_an_operator_leads_to_a_page(make_app: MakeApp, settings: dict[str, str]) -> None:
    app = make_app(**settings)
    person = make_person(app)

    printed = app.test_cli_runner().invoke(args=["users", "set-password-link", person.email, "--json"]).stdout

    origin = next(iter(settings.values()), "http://127.0.0.1:8000")
    assert json.loads(printed)["link"] == f"{origin}/set-password#token={json.loads(printed)['token']}"


def keys_of(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        yield from keys_of(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]


def test_every_language_says_everything() -> None:
    said = {language: set(keys_of(texts(language))) for language in LOCALES}

    assert said["de"] == said["en"]
    assert said["es"] == said["en"]


def test_every_fault_of_a_password_is_translated(browser: FlaskClient) -> None:
    page = browser.get("/set-password", headers={"Accept-Language": "de"}).text
    policy = PasswordPolicy(minimum_length=8)
    chosen = ["", "a" * 5000, "password", "ada@example.com", "+14155552671", "otp_service"]
    faults = {
        fault
        for text in chosen
        for fault in check_policy(text, email="ada@example.com", phone_number="+14155552671", policy=policy)
    }

    assert len(faults) == 9
    assert [fault for fault in faults if f'data-says="{fault}"' not in page] == []


def test_the_rules_for_passwords_are_those_of_the_settings(make_app: MakeApp) -> None:
    own = make_app(PASSWORD_MIN_LENGTH="12", PASSWORD_CHARACTER_CLASSES="false").test_client().get("/set-password").text
    standard = make_app().test_client().get("/set-password").text

    assert re.findall(r"<li>(Use .+)</li>", own) == ["Use at least 12 characters."]
    assert re.findall(r"<li>(Use .+)</li>", standard)[::3] == ["Use at least 8 characters.", "Use at least one digit."]
