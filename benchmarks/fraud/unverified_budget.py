"""A budget of unverified codes by country and by address, as leaky buckets, with the numbers of a published service."""

from collections import defaultdict, deque
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from benchmarks.fraud.verdict import verdict
from otp_service.fraud.attempt import Attempt
from otp_service.fraud.guard import Decision
from otp_service.fraud.policies import End, Outcome

HOUR = 3600.0
DAY = 24 * HOUR
REMEMBERED_DAYS = 14
COUNTRIES_WITHOUT_A_CODE = 3


class LeakyBucket:
    """Sends fill it, verified codes empty it by one, and within `seconds` a full one runs dry."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._level = 0.0
        self._at = 0.0

    def has_room(self, now: float, threshold: float) -> bool:
        """Whether one more send stays within `threshold`."""
        self._level = max(0.0, self._level - threshold * (now - self._at) / self._seconds)
        self._at = now
        return self._level + 1 <= threshold

    def fill(self) -> None:
        """Count a send."""
        self._level += 1

    def drain(self) -> None:
        """Count a verified code."""
        self._level = max(0.0, self._level - 1)


class Tally:
    """Verified codes of a country or an address: in an hour, in 24 hours, and on the best day of two weeks."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._days: dict[int, int] = {}

    def add(self, at: float) -> None:
        """Count a code."""
        self._recent.append(at)
        day = int(at // DAY)
        self._days[day] = self._days.get(day, 0) + 1

    def within_hour(self, now: float) -> int:
        """Codes of the last hour."""
        count = 0
        for at in reversed(self._recent):
            if at <= now - HOUR:
                break
            count += 1
        return count

    def within_day(self, now: float) -> int:
        """Codes of the last 24 hours."""
        while self._recent and self._recent[0] <= now - DAY:
            self._recent.popleft()
        return len(self._recent)

    def largest_day(self, now: float) -> int:
        """Codes of the best UTC day among the last fourteen, today's included."""
        first = int(now // DAY) - REMEMBERED_DAYS + 1
        return max((count for day, count in self._days.items() if day >= first), default=0)


class Budget:
    """The two buckets and the verified codes of one country or address."""

    def __init__(self) -> None:
        self.day = LeakyBucket(DAY)
        self.hour = LeakyBucket(HOUR)
        self.verified = Tally()

    def has_room(self, now: float, day_threshold: float, hour_threshold: float) -> bool:
        """Whether both buckets take one more."""
        fits_day, fits_hour = self.day.has_room(now, day_threshold), self.hour.has_room(now, hour_threshold)
        return fits_day and fits_hour

    def fill(self) -> None:
        """Count a send."""
        self.day.fill()
        self.hour.fill()

    def drain(self, at: float) -> None:
        """Count a verified code."""
        self.day.drain()
        self.hour.drain()
        self.verified.add(at)


class UnverifiedBudget:
    """Refuse if any bucket of the country or the address is full, or a fourth country opens without a verified code."""

    def __init__(self) -> None:
        self._countries: defaultdict[str, Budget] = defaultdict(Budget)
        self._addresses: defaultdict[str, Budget] = defaultdict(Budget)
        self._unverified: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def decide(self, attempt: Attempt) -> Decision:
        """Allow a send that every rule has room for."""
        country, address = country_code(attempt.number[1:4]), attempt.ip
        by_country, by_address = self._countries[country], self._addresses[address]
        fits = [
            by_country.has_room(attempt.at, *country_thresholds(by_country.verified, attempt.at)),
            by_address.has_room(attempt.at, *address_thresholds(by_address.verified, attempt.at)),
            self._has_room_for_a_country(country, address, attempt.at),
        ]
        if all(fits):
            by_country.fill()
            by_address.fill()
            self._unverified[address].setdefault(country, attempt.at)
        return verdict(is_allowed=all(fits))

    def learn(self, outcome: Outcome) -> None:
        """A verified code gives back what its send took; one that expires has taken its room for good."""
        if outcome.end is not End.VERIFIED:
            return
        country, address = country_code(outcome.attempt.number[1:4]), outcome.attempt.ip
        self._countries[country].drain(outcome.at)
        self._addresses[address].drain(outcome.at)
        self._unverified[address].pop(country, None)

    def _has_room_for_a_country(self, country: str, address: str, now: float) -> bool:
        open_countries = self._unverified[address]
        for old in [code for code, at in open_countries.items() if at <= now - DAY]:
            del open_countries[old]
        return country in open_countries or len(open_countries) < COUNTRIES_WITHOUT_A_CODE


def country_thresholds(verified: Tally, now: float) -> tuple[float, float]:
    """How many unverified codes a country may have in a day and in an hour."""
    largest = verified.largest_day(now)
    day = max(20, 0.3 * largest, 0.3 * verified.within_day(now))
    return day, max(3, 0.2 / 6 * largest, 0.2 * verified.within_hour(now))


def address_thresholds(verified: Tally, now: float) -> tuple[float, float]:
    """How many unverified codes an address may have in a day and in an hour."""
    recent = verified.within_day(now)
    return max(10, 0.3 * recent), max(5, 0.2 / 6 * recent)


@lru_cache(maxsize=1000)
def country_code(digits: str) -> str:
    """Return the calling code that three digits begin with."""
    return next((digits[:n] for n in (1, 2, 3) if int(digits[:n]) in COUNTRY_CODE_TO_REGION_CODE), digits)
