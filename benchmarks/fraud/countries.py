"""What a message to each country costs here, and which ranges of mobile numbers it has, from libphonenumber.

Prices are of the order that providers publish, in EUR; they are not a price list.
"""

import functools
import random
import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType

RANGE_DIGITS = 4
# Region: price of an SMS, hours from UTC, share of codes that honest people verify.
_TABLE = {
    "DE": (0.075, 1, 0.88), "GB": (0.040, 0, 0.89), "US": (0.008, -6, 0.86), "FR": (0.055, 1, 0.86),
    "ES": (0.055, 1, 0.87), "IT": (0.065, 1, 0.85), "PL": (0.030, 1, 0.90), "NL": (0.075, 1, 0.91),
    "AT": (0.070, 1, 0.90), "CH": (0.055, 1, 0.92), "SE": (0.050, 1, 0.91), "PT": (0.035, 0, 0.86),
    "IE": (0.060, 0, 0.88), "DK": (0.040, 1, 0.90), "CZ": (0.045, 1, 0.88), "RO": (0.050, 2, 0.84),
    "BR": (0.025, -3, 0.80), "MX": (0.030, -6, 0.79), "IN": (0.035, 5, 0.77), "TR": (0.020, 3, 0.81),
    "ZA": (0.025, 2, 0.80), "AU": (0.035, 10, 0.88), "CA": (0.008, -5, 0.87), "CO": (0.012, -5, 0.79),
    "AZ": (0.300, 4, 0.80), "UZ": (0.210, 5, 0.78), "TJ": (0.280, 5, 0.76), "KG": (0.180, 6, 0.78),
    "LK": (0.200, 5, 0.79), "BD": (0.180, 6, 0.77), "PK": (0.220, 5, 0.76), "ID": (0.230, 7, 0.78),
    "PH": (0.130, 8, 0.79), "NG": (0.210, 1, 0.76), "EG": (0.190, 2, 0.77), "MA": (0.110, 0, 0.79),
    "DZ": (0.170, 1, 0.77), "TN": (0.220, 1, 0.78), "KE": (0.090, 3, 0.80), "TZ": (0.160, 3, 0.77),
    "UG": (0.150, 3, 0.77), "ET": (0.190, 3, 0.76), "SN": (0.150, 0, 0.77), "ML": (0.170, 0, 0.75),
    "BF": (0.160, 0, 0.75), "TG": (0.180, 0, 0.75), "ZM": (0.140, 2, 0.77), "CM": (0.170, 1, 0.76),
    "GH": (0.150, 0, 0.78), "MG": (0.250, 3, 0.75), "IQ": (0.240, 3, 0.77), "JO": (0.200, 3, 0.79),
    "KH": (0.160, 7, 0.78), "VN": (0.120, 7, 0.80), "NP": (0.160, 6, 0.77), "AM": (0.140, 4, 0.80),
    "GE": (0.120, 4, 0.81), "KZ": (0.150, 5, 0.80), "BY": (0.110, 3, 0.81), "AL": (0.100, 1, 0.80),
    "CU": (0.070, -5, 0.75), "AE": (0.045, 4, 0.84), "SA": (0.050, 3, 0.83), "TH": (0.020, 7, 0.82),
}  # fmt: skip
COUNTRIES = tuple(_TABLE)
# Where a share of the fees for termination is worth an attack.
DEAR = tuple(region for region, (price, _, _) in _TABLE.items() if price >= 0.1)


@dataclass(frozen=True)
class Country:
    """A country: its prefix (+49), EUR for an SMS, and the ranges (+49 and four digits) that mobile numbers have."""

    region: str
    prefix: str
    price: float
    utc_offset: int
    conversion: float
    ranges: tuple[str, ...]

    def number_in(self, start: str, rng: random.Random) -> str:
        """Draw a valid mobile number that begins with `start`, a range or a longer beginning."""
        pattern, digits = _mobile(self.region)
        while True:
            missing = digits - len(start.removeprefix(self.prefix))
            number = start + "".join(rng.choices("0123456789", k=missing))
            if pattern.fullmatch(number.removeprefix(self.prefix)):
                return number


@functools.cache
def country(region: str) -> Country:
    """Return the country with the ISO code `region`."""
    price, utc_offset, conversion = _TABLE[region]
    prefix = f"+{phonenumbers.country_code_for_region(region)}"
    pattern, digits = _mobile(region)
    tails = ["".join(random.Random(n).choices("0123456789", k=digits - RANGE_DIGITS)) for n in range(6)]
    ranges = tuple(
        f"{prefix}{start:0{RANGE_DIGITS}}"
        for start in range(10**RANGE_DIGITS)
        if all(pattern.fullmatch(f"{start:0{RANGE_DIGITS}}{tail}") for tail in tails)
    )
    return Country(region, prefix, price, utc_offset, conversion, ranges)


@functools.cache
def _mobile(region: str) -> tuple[re.Pattern[str], int]:
    """The pattern of national mobile numbers, and the number of digits that the country's example has."""
    metadata = PhoneMetadata.metadata_for_region(region)
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    pattern = metadata.mobile.national_number_pattern if metadata and metadata.mobile else None
    if pattern is None or example is None:
        raise LookupError(f"libphonenumber has no mobile numbers of {region}")
    return re.compile(pattern), len(str(example.national_number))
