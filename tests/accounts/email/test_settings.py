"""Where links lead."""

from pathlib import Path

from otp_service.accounts.settings import LinkSettings
from tests.environments import PRODUCTION, load


def test_links_lead_to_the_first_frontend_url(tmp_path: Path) -> None:
    origins = "https://App.example.com/, https://other.example.com"
    for settings in ({}, PRODUCTION):
        config = load(tmp_path, **{**settings, "FRONTEND_URL": origins})
        assert config.of(LinkSettings).origin == "https://app.example.com"


def test_in_development_they_lead_to_this_machine(tmp_path: Path) -> None:
    assert load(tmp_path, PORT="8123").of(LinkSettings).origin == "http://127.0.0.1:8123"


def test_production_without_a_page_warns_in_one_line(tmp_path: Path) -> None:
    config = load(tmp_path, **{**PRODUCTION, "FRONTEND_URL": ""})
    assert config.of(LinkSettings).origin is None
    (warning,) = config.warnings
    assert warning.startswith("Neither FRONTEND_URL nor PUBLIC_URL is set: ")
