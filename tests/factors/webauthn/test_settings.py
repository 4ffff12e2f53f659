"""WEBAUTHN_RP_ID, WEBAUTHN_ORIGINS and WEBAUTHN_RP_NAME."""

from pathlib import Path

import pytest

from otp_service.factors.webauthn.settings import WebAuthnSettings
from tests.environments import PRODUCTION, load, refuse

WITHOUT_PAGES = {name: value for name, value in PRODUCTION.items() if name != "FRONTEND_URL"}
BAD_DOMAINS = ["127.0.0.1", "example.com:443", "https://example.com", "com", "-a.com", "example..com"]


def test_in_development_localhost_is_the_domain(tmp_path: Path) -> None:
    passkeys = load(tmp_path, PORT="9000").of(WebAuthnSettings)
    assert (passkeys.rp_id, passkeys.rp_name) == ("localhost", "localhost")
    assert load(tmp_path, SERVICE_NAME="Acme ID").of(WebAuthnSettings).rp_name == "Acme ID"
    assert passkeys.origins == ("http://localhost:9000",)


def test_the_first_page_makes_the_domain(tmp_path: Path) -> None:
    pages = "https://app.example.com:443/,https://admin.app.example.com:8443,https://other.example.com,http://[::1]:80"
    passkeys = load(tmp_path, FRONTEND_URL=pages).of(WebAuthnSettings)
    assert passkeys.rp_id == "app.example.com"
    assert passkeys.origins == ("https://app.example.com", "https://admin.app.example.com:8443")


def test_a_page_on_an_address_has_no_passkeys_in_development_either(tmp_path: Path) -> None:
    passkeys = load(tmp_path, FRONTEND_URL="http://127.0.0.1:3000").of(WebAuthnSettings)
    assert (passkeys.rp_id, passkeys.origins) == ("localhost", ("http://localhost:8000",))


def test_a_parent_domain_holds_all_pages_below_it(tmp_path: Path) -> None:
    pages = "https://app.example.com,https://example.com,https://notexample.com"
    passkeys = load(tmp_path, FRONTEND_URL=pages, WEBAUTHN_RP_ID="Example.com", WEBAUTHN_RP_NAME="Example").of(
        WebAuthnSettings
    )
    assert (passkeys.rp_id, passkeys.rp_name) == ("example.com", "Example")
    assert passkeys.origins == ("https://app.example.com", "https://example.com")


def test_in_production_nothing_is_guessed(tmp_path: Path) -> None:
    passkeys = load(tmp_path, **WITHOUT_PAGES).of(WebAuthnSettings)
    assert (passkeys.rp_id, passkeys.origins) == (None, ())
    passkeys = load(tmp_path, **WITHOUT_PAGES, FRONTEND_URL="https://b.example.com").of(WebAuthnSettings)
    assert (passkeys.rp_id, passkeys.origins) == ("b.example.com", ("https://b.example.com",))


def test_production_refuses_pages_without_tls(tmp_path: Path) -> None:
    origins = {"WEBAUTHN_RP_ID": "example.com", "WEBAUTHN_ORIGINS": "http://example.com"}
    (line,) = refuse(tmp_path, **PRODUCTION, **origins)
    assert line == "WEBAUTHN_ORIGINS: holds 'http://example.com'; it must hold https origins in production."
    assert load(tmp_path, **origins).of(WebAuthnSettings).origins == ("http://example.com",)


def test_pages_of_another_domain_are_refused(tmp_path: Path) -> None:
    for origin in ("https://example.org", "https://evil-example.com", "https://example.com.evil.org"):
        (line,) = refuse(tmp_path, **PRODUCTION, WEBAUTHN_RP_ID="example.com", WEBAUTHN_ORIGINS=origin)
        assert line.startswith(f"WEBAUTHN_ORIGINS: holds {origin!r}; it must hold origins on WEBAUTHN_RP_ID")


@pytest.mark.parametrize("domain", BAD_DOMAINS)
def test_what_is_no_domain_is_refused(tmp_path: Path, domain: str) -> None:
    origins = "https://example.com"
    assert any(
        line.startswith(f"WEBAUTHN_RP_ID: holds {domain!r}")
        for line in refuse(tmp_path, WEBAUTHN_RP_ID=domain, WEBAUTHN_ORIGINS=origins)
    )


def test_what_is_no_origin_is_refused(tmp_path: Path) -> None:
    (line,) = refuse(tmp_path, WEBAUTHN_RP_ID="example.com", WEBAUTHN_ORIGINS="example.com")
    assert "hold whole origins such as https://app.example.com" in line


def test_a_domain_without_pages_is_refused(tmp_path: Path) -> None:
    (line,) = refuse(tmp_path, **WITHOUT_PAGES, WEBAUTHN_RP_ID="example.com")
    assert line == "WEBAUTHN_ORIGINS: is not set; it must hold the origins of the pages under example.com."
