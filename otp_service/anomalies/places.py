"""Where on earth an address is, by the operator's MMDB file, which is read again when it changes (ADR 51)."""

import ipaddress
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any

import maxminddb

log = logging.getLogger(__name__)

EARTH_RADIUS_KM = 6371.0
UNKNOWN_RADIUS_KM = 100
"""The accuracy of a place whose record gives none."""

SAMPLE = 1_000
"""Records that are looked at when a file is opened: one of them must have a country."""

REMEMBERED = 4_096
_HIDES_THE_PLACE = ("is_anonymous_proxy", "is_satellite_provider", "is_anycast")

Found = Callable[[str], "Place | None"]


class GeoFileFault(Exception):
    """The file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """The country of an address (ISO 3166), and its coordinates in degrees where the file has them."""

    country: str
    latitude: float | None = None
    longitude: float | None = None
    radius_km: float = UNKNOWN_RADIUS_KM


class GeoFile:
    """An MMDB file in memory: a file that is overwritten in place must not end a process that maps it."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises GeoFileFault."""
        self.path = path
        self._turn = threading.Lock()
        self._version = _version_of(path)
        self._find, self.has_coordinates = _opened(path)

    def find(self, address: str) -> Place | None:
        """Return the place of an address or of a network's first address; None if the file does not know it."""
        self._read_again_if_changed()
        return self._find(address.partition("/")[0])

    def _read_again_if_changed(self) -> None:
        version = _version_of(self.path)
        # One thread reads; the others go on with what there is.
        if version == self._version or not self._turn.acquire(blocking=False):
            return
        try:
            # Noted first, so that a broken file is read and logged once and not at each sign-in.
            self._version = version
            self._find, self.has_coordinates = _opened(self.path)
            log.info("geoip.reloaded", extra={"file": str(self.path)})
        except GeoFileFault as fault:
            log.warning("geoip.reload_failed", extra={"file": str(self.path), "reason": str(fault)})
        finally:
            self._turn.release()


def distance_km(one: Place, other: Place) -> float | None:
    """Return the least distance between two places, their radii taken off; None without coordinates."""
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return None
    north, south = radians(one.latitude), radians(other.latitude)
    # The haversine formula: the chord between two points of a sphere.
    chord = sin((south - north) / 2) ** 2
    chord += cos(north) * cos(south) * sin(radians(other.longitude - one.longitude) / 2) ** 2
    between = 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))
    return max(0.0, between - one.radius_km - other.radius_km)


def _version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _opened(path: Path) -> tuple[Found, bool]:
    """Return the look-up in the file, and whether it has coordinates. Raises GeoFileFault."""
    try:
        reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        sample = [_place_of(record) for _, record in islice(reader, SAMPLE)]
    except OSError as error:
        raise GeoFileFault(f"cannot be read ({type(error).__name__})") from error
    except Exception as error:
        # The reader raises whatever a broken byte leads to, such as KeyError and UnicodeDecodeError.
        raise GeoFileFault(f"is not a whole MMDB file ({type(error).__name__})") from error
    places = [place for place in sample if place is not None]
    if not places:
        raise GeoFileFault("is an MMDB file without countries")
    return _look_up(reader), any(place.latitude is not None for place in places)


def _look_up(reader: Any) -> Found:
    @lru_cache(maxsize=REMEMBERED)
    def find(address: str) -> Place | None:
        try:
            return _place_of(reader.get(ipaddress.ip_address(address)))
        except ValueError:
            return None  # no address, or one of IPv6 in a file of IPv4
        except maxminddb.InvalidDatabaseError:
            log.warning("geoip.record_broken")
            return None

    return find


def _place_of(record: Any) -> Place | None:
    """Read a record in MaxMind's form, or with plain fields as other vendors write them."""
    if not isinstance(record, dict):
        return None
    country = _country_of(record)
    if country is None:
        return None
    where, traits = _part(record, "location") or record, _part(record, "traits")
    latitude, longitude = where.get("latitude", where.get("lat")), where.get("longitude", where.get("lng"))
    # A proxy or a satellite link serves people of the whole world from one place.
    if latitude is None or longitude is None or any(traits.get(trait) for trait in _HIDES_THE_PLACE):
        return Place(country)
    return Place(country, float(latitude), float(longitude), float(where.get("accuracy_radius", UNKNOWN_RADIUS_KM)))


def _part(record: dict[str, Any], name: str) -> dict[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _country_of(record: dict[str, Any]) -> str | None:
    named = record.get("country") or record.get("registered_country")
    code = named.get("iso_code") if isinstance(named, dict) else record.get("country_code", named)
    return code.upper() if isinstance(code, str) and len(code) == 2 else None  # noqa: PLR2004 - ISO 3166 alpha-2
