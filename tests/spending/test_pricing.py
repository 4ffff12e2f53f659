"""What a message is expected to cost before it is sent."""

from decimal import Decimal
from pathlib import Path

import pytest

from otp_service.core.services import services_of
from otp_service.providers import Channel
from otp_service.simulator import Simulator
from otp_service.simulator.provider.billing import DEFAULT_TARIFF, TARIFFS
from otp_service.sinch.price_list import SinchPrices
from otp_service.spending import expected_price
from tests.conftest import MakeApp
from tests.environments import refuse
from tests.gateways import gateway_of

pytestmark = pytest.mark.one_database


def test_no_message_of_the_simulator_costs_more_than_expected() -> None:
    prices = SinchPrices()

    dearer = [
        (country, channel)
        for country, tariff in {**TARIFFS, "PT": DEFAULT_TARIFF}.items()
        for channel in Channel
        if prices.of(country, channel).total < Decimal(getattr(tariff, channel.value))
    ]

    assert dearer == []


def test_a_price_is_looked_for_by_country_and_channel_before_both_alone(make_app: MakeApp) -> None:
    app = make_app(SINCH_PRICES="DE=0.07,de/callout=0.2,*/callout=0.4,*=0.1")

    with app.app_context():
        found = [expected_price("sinch", *of) for of in (
            (Channel.CALLOUT, "DE"), (Channel.SMS, "DE"), (Channel.CALLOUT, "PT"), (Channel.WHATSAPP, "PT")
        )]  # fmt: skip

    assert found == [Decimal(price) for price in ("0.2", "0.07", "0.4", "0.1")]


def test_prices_of_other_currencies_are_converted_and_count_one_for_one_without_a_rate(
    make_app: MakeApp, sinch: Simulator
) -> None:
    gateway = {**gateway_of(sinch), "HTTP_GATEWAY_PRICES": "US=0.05", "HTTP_GATEWAY_CURRENCY": "SEK"}
    prices = {"SINCH_PRICES": "US=0.05", "SINCH_CURRENCY": "USD", "SPEND_RATES": "usd=0.925"}
    app = make_app(**{**gateway, **prices, "OTP_PROVIDERS": "http,sinch"})

    with app.app_context():
        assert set(services_of(app).providers) == {"http", "sinch"}
        assert expected_price("sinch", Channel.SMS, "US") == Decimal("0.0463")
        assert expected_price("http", Channel.SMS, "US") == Decimal("0.05")
        assert expected_price("http", Channel.SMS, "DE") == Decimal("0.10")


ODD = {
    "SINCH_PRICES": ("DE/fax=1", "DE/=1"),
    "SINCH_CURRENCY": ("EURO",),
    "SPEND_CURRENCY": ("E",),
    "SPEND_RATES": ("USD", "USD=0", "USD=1,USD=1", "USD=-1"),
}


def test_a_list_with_an_odd_entry_stops_the_start(tmp_path: Path) -> None:
    cases = [(name, value) for name, values in ODD.items() for value in values]

    named = [refuse(tmp_path, **{name: value})[0].partition(":")[0] for name, value in cases]

    assert named == [name for name, _ in cases]
