"""Where an address is, by the operator's file; and files that cannot be used."""

import logging
from pathlib import Path
from typing import Any

import pytest

from config import Config, ConfigError
from otp_service.anomalies.places import GeoFile, Place, distance_km
from tests.geo_files import city, write_geo_file

BERLIN, NEW_YORK = city("DE", 52.5, 13.4, 20), city("US", 40.7, -74.0, 30)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_geo_file(tmp_path / "places.mmdb", {"203.0.113.0/24": BERLIN, "2001:db8:1::/48": NEW_YORK})


def start(tmp_path: Path, **settings: str) -> str:
    """The faults that stop the start."""
    with pytest.raises(ConfigError) as stopped:
        Config.from_env({"APP_ENV": "development", "INSTANCE_DIR": str(tmp_path), **settings})
    return "\n".join(stopped.value.faults)


def test_addresses_of_both_kinds_and_networks_are_found(path: Path) -> None:
    places = GeoFile(path)

    assert places.find("203.0.113.9") == places.find("203.0.113.0/24") == Place("DE", 52.5, 13.4, 20)
    assert places.find("2001:db8:1:2::3") == Place("US", 40.7, -74.0, 30)
    assert [places.find(unknown) for unknown in ("198.51.100.1", "2001:db8:2::1", "unknown", "")] == [None] * 4


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"country": "FR"}, Place("FR")),
        ({"country": "France", "country_code": "fr"}, Place("FR")),
        ({"country": "FR", "lat": "48.8", "lng": "2.3"}, Place("FR", 48.8, 2.3)),
        ({"registered_country": {"iso_code": "FR"}}, Place("FR")),
        ({**city("FR", 48.8, 2.3), "traits": {"is_anycast": True}}, Place("FR")),
    ],
)
def test_the_forms_of_several_vendors_are_read(tmp_path: Path, record: Any, place: Place) -> None:
    assert GeoFile(write_geo_file(tmp_path / "f.mmdb", {"203.0.113.0/24": record})).find("203.0.113.1") == place


def test_a_distance_is_the_least_that_both_radii_allow() -> None:
    berlin, new_york = Place("DE", 52.52, 13.405, 50), Place("US", 40.7128, -74.006, 50)

    assert distance_km(berlin, new_york) == pytest.approx(6_385 - 100, abs=10)
    assert distance_km(berlin, Place("DE", 52.4, 13.1, 50)) == 0
    assert distance_km(berlin, Place("US")) is None


def test_a_changed_file_is_read_without_a_restart(path: Path) -> None:
    places = GeoFile(path)
    assert places.find("198.51.100.1") is None

    write_geo_file(path, {"198.51.100.0/24": NEW_YORK, "203.0.113.0/24": NEW_YORK, "192.0.2.0/24": BERLIN})

    assert (places.find("198.51.100.1"), places.find("203.0.113.9")) == (Place("US", 40.7, -74.0, 30),) * 2


def test_a_broken_change_is_logged_once_and_the_earlier_content_stays(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    places, whole = GeoFile(path), path.read_bytes()

    with caplog.at_level(logging.WARNING):
        path.write_bytes(whole[: len(whole) // 2])  # as in the middle of a copy
        assert [places.find("203.0.113.9"), places.find("203.0.113.8")] == [Place("DE", 52.5, 13.4, 20)] * 2
        path.unlink()
        assert places.find("203.0.113.7") is not None

    assert [line.getMessage() for line in caplog.records] == ["geoip.reload_failed"] * 2
    assert "not a whole MMDB file" in str(vars(caplog.records[0])["reason"])


def test_a_file_that_cannot_be_used_stops_the_start_with_its_name_and_the_reason(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    torn, text = tmp_path / "torn.mmdb", tmp_path / "text.mmdb"
    torn.write_bytes(whole[:-40])
    text.write_text("country,network\n")
    numbers = write_geo_file(tmp_path / "asn.mmdb", {"203.0.113.0/24": {"autonomous_system_number": 64500}})

    assert f"GEOIP_FILE: names {torn}, which is not a whole MMDB file" in start(tmp_path, GEOIP_FILE=str(torn))
    assert f"GEOIP_FILE: names {text}, which is not a whole MMDB file" in start(tmp_path, GEOIP_FILE=str(text))
    assert f"names {numbers}, which is an MMDB file without countries" in start(tmp_path, GEOIP_FILE=str(numbers))
    assert "which cannot be read (FileNotFoundError)" in start(tmp_path, GEOIP_FILE="/absent.mmdb")
    assert "which cannot be read (IsADirectoryError)" in start(tmp_path, GEOIP_FILE=str(tmp_path))


def test_a_strict_rule_that_could_not_work_stops_the_start(tmp_path: Path) -> None:
    countries = write_geo_file(tmp_path / "countries.mmdb", {"203.0.113.0/24": {"country": {"iso_code": "DE"}}})

    assert "GEOIP_FILE is not set" in start(tmp_path, ANOMALY_NEW_COUNTRY="deny")
    assert "no coordinates" in start(tmp_path, ANOMALY_IMPOSSIBLE_TRAVEL="deny", GEOIP_FILE=str(countries))
    assert "it must hold one of off, notify" in start(tmp_path, ANOMALY_UNKNOWN_DEVICE="block")
