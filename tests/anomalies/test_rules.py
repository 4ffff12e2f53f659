"""The rules as pure functions: what is compared, and what is within the tolerance."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from otp_service.anomalies.places import GeoFile
from otp_service.anomalies.rules import Compared, Others, find
from otp_service.anomalies.settings import RULES, Action, AnomalySettings
from otp_service.core.addresses import site_of
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Device
from tests.geo_files import city, write_geo_file

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BERLIN, MUNICH, PARIS, NEW_YORK, NOWHERE = "203.0.113.7", "203.0.114.7", "203.0.115.7", "203.0.116.7", "192.0.2.1"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> GeoFile:
    records = {
        "203.0.113.0/24": city("DE", 52.52, 13.4),
        "203.0.114.0/24": city("DE", 48.14, 11.58),
        "203.0.115.0/24": city("FR", 48.85, 2.35),
        "203.0.116.0/24": city("US", 40.71, -74.0),
    }
    return GeoFile(write_geo_file(tmp_path_factory.mktemp("geo") / "places.mmdb", records))


def used(ip: str, hours_ago: float, agent: str = "A laptop") -> Device:
    """A session that began at an address."""
    return Device(ip, agent, site_of(ip), NOW - timedelta(hours=hours_ago))


def found(places: GeoFile | None, ip: str, *devices: Device, **changes: Any) -> dict[str, dict[str, Any]]:
    """What each rule found, with all rules on."""
    rules = AnomalySettings(
        actions=dict.fromkeys(RULES, Action.NOTIFY), speed=1_000, per_device=5, per_address=20, geo=places
    )
    given = {"others": Others(), "has_history": bool(devices), **changes}
    compared = Compared(client=ClientInfo(ip, "Another laptop"), at=NOW, devices=devices, **given)
    return {finding.rule: finding.facts for finding in find(compared, rules)}


def test_a_country_is_new_if_no_stored_session_was_there(places: GeoFile) -> None:
    home = used(BERLIN, 90)

    assert found(places, PARIS, home)["new_country"] == {"country": "FR", "earlierCountries": ["DE"]}
    assert "new_country" not in found(places, MUNICH, home)
    assert "new_country" not in found(places, PARIS, home, used(PARIS, 200))


def test_a_session_that_was_used_abroad_makes_the_country_known(places: GeoFile) -> None:
    traveling = Device("203.0.115.99", "A phone", site_of(BERLIN), NOW - timedelta(days=3))

    assert "new_country" not in found(places, PARIS, traveling)


@pytest.mark.parametrize(("here", "there"), [(NOWHERE, BERLIN), (PARIS, NOWHERE)])
def test_without_both_places_neither_country_nor_journey_is_judged(places: GeoFile, here: str, there: str) -> None:
    assert set(found(places, here, used(there, 1))) == {"unknown_device"}


def test_without_a_file_only_the_device_is_judged() -> None:
    assert found(None, PARIS, used(BERLIN, 1)) == {"unknown_device": {"comparedDevices": 1}}


def test_a_journey_is_impossible_if_it_were_faster_than_an_airliner(places: GeoFile) -> None:
    facts = found(places, NEW_YORK, used(BERLIN, 3))["impossible_travel"]

    assert facts | {"kilometers": 0} == {
        "country": "US", "earlierCountry": "DE", "kilometers": 0, "hours": 3.0, "fastest": 1_000
    }  # fmt: skip
    assert facts["kilometers"] == pytest.approx(6_285, abs=15)
    assert "impossible_travel" not in found(places, NEW_YORK, used(BERLIN, 6.5))


def test_only_the_latest_sign_in_is_where_the_journey_begins(places: GeoFile) -> None:
    assert "impossible_travel" not in found(places, NEW_YORK, used(BERLIN, 30), used(PARIS, 90))
    assert "impossible_travel" in found(places, NEW_YORK, used(BERLIN, 1), used(PARIS, 90))


def test_what_files_of_places_get_wrong_is_no_journey(places: GeoFile) -> None:
    # 500 km less twice 50: the exit of a mobile network is often that far from its user.
    assert "impossible_travel" not in found(places, MUNICH, used(BERLIN, 0.01))


def test_to_come_back_to_a_network_is_no_journey(places: GeoFile) -> None:
    vpn = used("203.0.116.50", 400, "Yet another program")

    assert set(found(places, NEW_YORK, used(BERLIN, 0.1), vpn)) == {"unknown_device"}


def test_a_clock_that_went_back_divides_by_no_time(places: GeoFile) -> None:
    assert found(places, NEW_YORK, used(BERLIN, -0.1))["impossible_travel"]["hours"] == 0


@pytest.mark.parametrize(
    ("others", "is_many"),
    [(Others(4, 19), False), (Others(5, 5), True), (Others(0, 20), True), (Others(0, 19), False)],
)
def test_many_accounts_are_more_than_the_limits_of_device_and_address(others: Others, is_many: bool) -> None:
    facts = found(None, BERLIN, used(MUNICH, 1), others=others).get("many_accounts")

    assert (facts is not None) == is_many
    assert facts is None or facts["accountsByAddress"] == others.by_address + 1


def test_the_first_sign_in_of_an_account_is_not_unusual(places: GeoFile) -> None:
    assert found(places, PARIS, others=Others(50, 50)) == {}
