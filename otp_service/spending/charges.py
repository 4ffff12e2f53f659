"""What one message counts in the ledger, and under which caps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from otp_service.core.services import settings
from otp_service.providers import Channel
from otp_service.spending.money import units_of
from otp_service.spending.settings import SpendSettings

TOTAL, PEOPLE = "total", "people"
COUNTRY, APP = "country:", "app:"
WITHOUT_CAP = 2**62
"""In units. A cap that no sum reaches keeps one form of the statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One message: its price in units, the UTC day of its reservation, its way, and who pays for it.

    `app` is the backend's app, None for a person's code. With `is_sign_in`, it may use what is reserved for sign-ins.
    """

    day: date
    provider: str
    channel: Channel
    country: str
    app: str | None
    is_sign_in: bool
    units: int

    @property
    def subjects(self) -> tuple[str, str, str]:
        """The rows of the ledger that it counts in, in the one order in which every statement locks them."""
        first, second, third = sorted((TOTAL, f"{COUNTRY}{self.country}", f"{APP}{self.app}" if self.app else PEOPLE))
        return first, second, third


@dataclass(frozen=True, slots=True)
class Cap:
    """What a day may cost in one row of the ledger, in units, and the part of it that is not for sign-ins alone."""

    subject: str
    most: int
    for_strangers: int


def caps_of(charge: Charge, *, app_per_day: int | None) -> Iterator[Cap]:
    """Yield the cap of each row that a message counts in, WITHOUT_CAP where there is none."""
    for subject in charge.subjects:
        if subject.startswith(APP):
            # An app's own cap has no reserve: none of its messages is a sign-in here.
            most = WITHOUT_CAP if app_per_day is None else app_per_day
            yield Cap(subject, most, most)
        else:
            most = find_cap(subject)
            reserved = settings().of(SpendSettings).reserved_percent
            yield Cap(subject, most, most if most == WITHOUT_CAP else most * (100 - reserved) // 100)


def find_cap(subject: str) -> int:
    """Return the cap that the settings hold for a row of the ledger, in units; WITHOUT_CAP if there is none."""
    spending = settings().of(SpendSettings)
    amount = spending.per_day if subject == TOTAL else None
    if subject.startswith(COUNTRY):
        amount = spending.per_day_to(subject.removeprefix(COUNTRY))
    return WITHOUT_CAP if amount is None else units_of(amount)
