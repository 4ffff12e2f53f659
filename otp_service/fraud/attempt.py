"""One request for a message, and the keys of all that it says something about: prefixes of the number, the client."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from otp_service.core.addresses import network_of, site_of


class Depth(StrEnum):
    """How much a node covers: prefixes from the narrowest on, then the client's address and network, then everything.

    The last one only says how new the service is: it refuses nothing.
    """

    THOUSAND = "1000"
    TEN_THOUSAND = "10000"
    RANGE = "range"
    OPERATOR = "operator"
    COUNTRY = "country"
    NEW_IN_COUNTRY = "new"
    NEW = "new-anywhere"
    ADDRESS = "address"
    NETWORK = "network"
    SERVICE = "service"


CLIENT_DEPTHS = frozenset({Depth.ADDRESS, Depth.NETWORK})
NEW_DEPTHS = frozenset({Depth.NEW_IN_COUNTRY, Depth.NEW})
"""All prefixes without history together, in a country that has one, or in countries that have none."""
OF_SERVICE = f"{Depth.SERVICE}:*"
NO_ADDRESS = frozenset({"", "unknown", "0.0.0.0"})  # noqa: S104 - no address to listen on
"""A backend need not name its user's address. In files of past traffic, 0.0.0.0 says that there is none."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request for a message: when (seconds since 1970), to which E.164 number, from where, how, for how many EUR."""

    at: float
    number: str
    ip: str
    channel: str
    price: float


def keys_of(attempt: Attempt) -> tuple[str, ...]:
    """Return the keys `depth:value` of the nodes that decide about an attempt and learn from it, at most ten.

    The number's come first, from the narrowest to the widest, and that of the whole service last. A block that is no
    narrower than its range is left out, which happens in countries with short numbers. Without an address there are
    none of the client.
    """
    return (*_keys_of_number(attempt.number), *_keys_of_client(attempt.ip), OF_SERVICE)


@lru_cache(maxsize=65_536)
def depth_of(key: str) -> Depth:
    """Return the depth of a key of `keys_of`."""
    return Depth(key.partition(":")[0])


def range_of(number: str) -> str:
    """Return the range of an E.164 number: the country code and the next four digits."""
    return number[: 5 + _length_of_country_code(number[1:4])]


@lru_cache(maxsize=16_384)
def _keys_of_number(number: str) -> tuple[str, ...]:
    code = _length_of_country_code(number[1:4])
    country, operator, narrowest = number[: 1 + code], number[: 4 + code], range_of(number)
    blocks = [
        f"{depth}:{number[:-dropped]}"
        for depth, dropped in ((Depth.THOUSAND, 3), (Depth.TEN_THOUSAND, 4))
        if len(number) - dropped > len(narrowest)
    ]
    return (
        *blocks,
        f"{Depth.RANGE}:{narrowest}",
        f"{Depth.OPERATOR}:{operator}",
        f"{Depth.COUNTRY}:{country}",
        f"{Depth.NEW_IN_COUNTRY}:{country}",
        f"{Depth.NEW}:*",
    )


@lru_cache(maxsize=4_096)
def _keys_of_client(ip: str) -> tuple[str, ...]:
    if ip in NO_ADDRESS:
        return ()
    return (f"{Depth.ADDRESS}:{network_of(ip)}", f"{Depth.NETWORK}:{site_of(ip)}")


@lru_cache(maxsize=4_096)
def _length_of_country_code(digits: str) -> int:
    """Return how many of the first digits are the country calling code (ITU-T E.164); no code begins another."""
    return next((n for n in (1, 2, 3) if int(digits[:n]) in COUNTRY_CODE_TO_REGION_CODE), 3)
