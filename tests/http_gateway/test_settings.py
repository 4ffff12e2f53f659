"""The settings of the gateway, and the list of providers: what is understood, and what stops the start."""

from decimal import Decimal
from pathlib import Path

import pytest

from otp_service.http_gateway import GatewaySettings
from otp_service.verifications.settings import DeliverySettings
from tests.environments import PRODUCTION, load, refuse

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GATEWAY = {"HTTP_GATEWAY_URL": "https://sms.example.net/messages?team=7", "HTTP_GATEWAY_SECRET": SECRET}


@pytest.mark.parametrize("order", ["sinch", "http", "sinch,http", "http, sinch"])
def test_providers_are_used_in_their_order(tmp_path: Path, order: str) -> None:
    config = load(tmp_path, OTP_PROVIDERS=order, **GATEWAY)

    assert ",".join(config.of(DeliverySettings).providers) == order.replace(" ", "")


@pytest.mark.parametrize("names", ["pigeon", "sinch,pigeon", "http,http", "sinch,SINCH"])
def test_a_name_that_is_unknown_or_doubled_stops_the_start(tmp_path: Path, names: str) -> None:
    assert [line.partition(":")[0] for line in refuse(tmp_path, OTP_PROVIDERS=names, **GATEWAY)] == ["OTP_PROVIDERS"]


def test_a_gateway_needs_its_address_and_secret(tmp_path: Path) -> None:
    named = [line.partition(":")[0] for line in refuse(tmp_path, OTP_PROVIDERS="sinch,http")]

    assert named == ["HTTP_GATEWAY_URL", "HTTP_GATEWAY_SECRET"]


def test_production_with_the_gateway_alone_needs_no_account_at_sinch(tmp_path: Path) -> None:
    others = {name: value for name, value in PRODUCTION.items() if not name.startswith("SINCH_")}

    assert load(tmp_path, OTP_PROVIDERS="http", **others, **GATEWAY).of(DeliverySettings).providers == ("http",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_GATEWAY_URL", "http://sms.example.net/messages"),
        ("HTTP_GATEWAY_URL", "https://user:pw@sms.example.net/"),
        ("HTTP_GATEWAY_URL", "sms.example.net"),
        ("HTTP_GATEWAY_SECRET", "whsec_"),
        ("HTTP_GATEWAY_SECRET", "whsec_c2hvcnQ="),
        ("HTTP_GATEWAY_SECRET", "whsec_bm90LWEtcmVhbC1nYXRld2F5LXNlY3JldA=="),
        ("HTTP_GATEWAY_CURRENCY", "EURO"),
        ("HTTP_GATEWAY_CA_FILE", "/nowhere.pem"),
        *(
            ("HTTP_GATEWAY_PRICES", prices)
            for prices in ("DE", "DE=", "DE=-1", "XX=1", "DE=1,DE=2", "DE=0,075", "*=1e3")
        ),
    ],
)
def test_production_rejects_what_cannot_be_right(tmp_path: Path, name: str, value: str) -> None:
    faults = refuse(tmp_path, **{**PRODUCTION, **GATEWAY, "OTP_PROVIDERS": "http", name: value})

    assert {line.partition(":")[0] for line in faults} == {name}
    assert not any("c2hvcnQ" in line for line in faults)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/send", "http://localhost/send", "http://[::1]:9000/"])
def test_a_gateway_on_this_machine_needs_no_tls(tmp_path: Path, url: str) -> None:
    settings = {**PRODUCTION, **GATEWAY, "OTP_PROVIDERS": "http", "HTTP_GATEWAY_URL": url}

    assert load(tmp_path, **settings).of(GatewaySettings).url == url


def test_prices_are_read_by_country(tmp_path: Path) -> None:
    prices = load(tmp_path, HTTP_GATEWAY_PRICES="DE=0.075, us = 0.012,*=0.10").of(GatewaySettings).prices

    assert prices == {"DE": Decimal("0.075"), "US": Decimal("0.012"), "*": Decimal("0.10")}


@pytest.mark.parametrize("name", ["SINCH_VERIFICATION_METHOD", "OTP_FALLBACK_CHANNELS"])
def test_a_channel_that_no_provider_carries_stops_the_start(tmp_path: Path, name: str) -> None:
    faults = refuse(tmp_path, OTP_PROVIDERS="http", **GATEWAY, **{name: "flashcall"})

    assert [line.partition(":")[0] for line in faults] == [name]
