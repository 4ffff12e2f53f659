"""Tells the users that can be imported from those that cannot: checked each by itself, then against all others."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import select

from otp_service.accounts.importing.checks import Checker
from otp_service.accounts.importing.records import Fault, NewUser, Place, Record
from otp_service.accounts.models import User
from otp_service.core.database.transactions import fetch_all

BATCH = 1_000

Checked = NewUser | Fault


class Sieve:
    """Remembers every address and number that it let through, and nothing else, so that memory stays small."""

    def __init__(self, *, default_region: str | None, now: datetime) -> None:
        self._checker = Checker(default_region=default_region, now=now)
        self._emails: dict[str, int | str] = {}
        self._numbers: dict[str, int | str] = {}

    def sift(self, items: Iterator[Record | Fault]) -> Iterator[list[Checked]]:
        """The same in batches, in order, each item checked; of users that are there twice the first one passes."""
        while batch := list(islice(items, BATCH)):
            checked = [item if isinstance(item, Fault) else self._checker.check(item) for item in batch]
            taken = _registered([item for item in checked if isinstance(item, NewUser)])
            yield [
                self._compare(item.place, found, taken) if isinstance(found, NewUser) else found
                for item, found in zip(batch, checked, strict=True)
            ]

    def _compare(self, place: Place, user: NewUser, taken: set[str]) -> Checked:
        reasons = []
        for name, value, known in (
            ("email", user.email, self._emails),
            ("phoneNumber", user.phone_number, self._numbers),
        ):
            if value is None:
                continue
            if value in taken:
                reasons.append(f"{name} is already registered here")
            elif value in known:
                reasons.append(f"{name} is the same as that of {place.unit} {known[value]}")
        if reasons:
            return Fault(place, tuple(reasons))
        self._emails[user.email] = place.value
        if user.phone_number is not None:
            self._numbers[user.phone_number] = place.value
        return user


def _registered(users: Sequence[NewUser]) -> set[str]:
    """Those of the addresses and numbers that users of this service have."""
    found: set[str] = set()
    for key, values in (
        (User.email, [user.email for user in users]),
        (User.phone_number, [user.phone_number for user in users if user.phone_number]),
    ):
        found.update(row[0] for row in fetch_all(select(key).where(key.in_(values))))
    return found
