"""The start page of development, and the viewer of the API."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from otp_service.config import ROOT
from otp_service.simulator import Simulator
from tests.conftest import MakeApp
from tests.web.conftest import InProduction

pytestmark = pytest.mark.one_database

SWAGGER_UI = ROOT / "otp_service/web/swagger_ui"


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def links_of(page: str) -> list[str]:
    return re.findall(r'<a href="([^"]+)"', page)


def test_the_start_page_links_to_everything_and_each_link_works(browser: FlaskClient, sinch: Simulator) -> None:
    response = browser.get("/")
    links = links_of(response.text)

    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert {"docs", "api/v1/openapi.json", "mail", "health", "ready", "verify-email", "reset-password"} < set(links)
    assert f"{sinch.base_url}/inbox" in links
    assert [link for link in links if "://" not in link and browser.get(f"/{link}").status_code != 200] == []


def test_the_start_page_has_the_first_steps_of_the_readme_with_its_own_ports(make_app: MakeApp) -> None:
    page = make_app(PORT="8123", SINCH_BASE_URL="http://127.0.0.1:8124").test_client().get("/").text

    assert "API=http://127.0.0.1:8123/api/v1" in page
    assert "http://127.0.0.1:8124/inbox.json?to=" in page
    assert "$API/auth/register" in page


def test_the_start_page_links_to_no_inbox_that_is_not_there(make_app: MakeApp) -> None:
    own = {"SINCH_APP_KEY": "key", "SINCH_APP_SECRET": "BeIukql3pTKJ8RGL5zo0DA==", "SINCH_BASE_URL": ""}
    page = make_app(**own, SMTP_HOST="127.0.0.1", API_DOCS="false").test_client().get("/").text

    assert {"mail", "docs"} & set(links_of(page)) == set()
    assert not any(link.endswith("/inbox") for link in links_of(page))


def test_production_has_no_start_page(in_production: InProduction) -> None:
    response = in_production().get("//")

    assert (response.status_code, response.json["code"]) == (404, "endpoint_not_found")


def test_the_viewer_and_all_its_files_come_from_this_service(browser: FlaskClient) -> None:
    response = browser.get("/docs")
    loaded = re.findall(r'(?:href|src)="([^"]+)"', response.text)

    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert len(loaded) == 5
    assert [path for path in loaded if browser.get(f"/{path}").status_code != 200] == []
    assert not re.search(r"<script[^>]*>[^<]|<style|\sstyle=", response.text)
    (policy,) = response.headers.getlist("Content-Security-Policy")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_viewer_is_there_unless_a_setting_turns_it_off(in_production: InProduction) -> None:
    assert in_production().get("//docs").status_code == 200
    response = in_production(API_DOCS="false").get("//docs")
    assert (response.status_code, response.json["code"]) == (404, "endpoint_not_found")


def test_the_files_of_the_viewer_are_those_that_were_published() -> None:
    source = json.loads((SWAGGER_UI / "source.json").read_text(encoding="utf-8"))
    found = {name: hashlib.sha256((SWAGGER_UI / name).read_bytes()).hexdigest() for name in source["sha256"]}

    assert found == source["sha256"]
    assert {path.name for path in SWAGGER_UI.iterdir()} == {*found, "source.json", "README.md"}
    assert f"update_swagger_ui.py {source['version']}" in Path(SWAGGER_UI, "README.md").read_text(encoding="utf-8")
