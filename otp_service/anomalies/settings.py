"""The settings of the rules for unusual sign-ins."""

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from otp_service.anomalies.places import GeoFile, GeoFileFault
from otp_service.config.reader import Reader


class Action(IntEnum):
    """What follows when a rule applies, each with all that the ones before do."""

    OFF = 0
    NOTIFY = 1
    """Send an e-mail once the sign-in is complete."""
    REQUIRE_STRONGEST_FACTOR = 2
    DENY = 3

    @property
    def word(self) -> str:
        """Its name in settings and in the audit trail."""
        return self.name.lower()


UNKNOWN_DEVICE, NEW_COUNTRY, IMPOSSIBLE_TRAVEL, MANY_ACCOUNTS = RULES = (
    "unknown_device",
    "new_country",
    "impossible_travel",
    "many_accounts",
)
_BY_PLACE = (NEW_COUNTRY, IMPOSSIBLE_TRAVEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalySettings:
    """The action of each rule, and the numbers that the rules compare with.

    `speed` is in km/h. More than `per_device` or `per_address` accounts within a day are many.
    """

    actions: dict[str, Action]
    speed: int
    per_device: int
    per_address: int
    geo: GeoFile | None = field(default=None, compare=False, repr=False)

    def is_on(self, rule: str) -> bool:
        """Whether a rule is looked at."""
        return self.actions[rule] > Action.OFF

    def is_strict(self, rule: str) -> bool:
        """Whether a rule may change how a sign-in goes on."""
        return self.actions[rule] > Action.NOTIFY

    @property
    def is_any_strict(self) -> bool:
        """Whether any rule may: only then the earlier sign-ins are read before the second factor."""
        return any(map(self.is_strict, self.actions))


def read_anomalies(read: Reader) -> AnomalySettings:
    """Read the actions and open GEOIP_FILE. No rule denies or asks for more by default."""
    geo = _read_geo_file(read)
    words = tuple(action.word for action in Action)
    actions = {}
    for rule in RULES:
        name = f"ANOMALY_{rule.upper()}"
        word = read.choice(name, words, default=Action.NOTIFY.word)
        actions[rule] = Action[word.upper()]
        if rule in _BY_PLACE and actions[rule] > Action.NOTIFY:
            _require_places(read, name, word, geo, needs_coordinates=rule == IMPOSSIBLE_TRAVEL)
    return AnomalySettings(
        actions=actions,
        speed=read.integer("ANOMALY_TRAVEL_SPEED", default=1_000, low=100, high=100_000),
        per_device=read.integer("ANOMALY_ACCOUNTS_PER_DEVICE", default=5, low=1, high=500),
        per_address=read.integer("ANOMALY_ACCOUNTS_PER_ADDRESS", default=20, low=1, high=500),
        geo=geo,
    )


def _read_geo_file(read: Reader) -> GeoFile | None:
    path = read.text("GEOIP_FILE", default="")
    if not path:
        return None
    try:
        return GeoFile(Path(path))
    except GeoFileFault as fault:
        read.fault("GEOIP_FILE", f"names {path}, which {fault}", "name a readable MMDB file with countries")
        return None


def _require_places(read: Reader, name: str, word: str, geo: GeoFile | None, *, needs_coordinates: bool) -> None:
    # A rule that should keep people out and cannot work must stop the start, and not be silently off.
    if geo is None and not read.text("GEOIP_FILE", default=""):
        read.fault(name, f"holds {word!r}, and GEOIP_FILE is not set", "be off or notify without GEOIP_FILE")
    elif geo is not None and needs_coordinates and not geo.has_coordinates:
        read.fault(
            name, f"holds {word!r}, and GEOIP_FILE has no coordinates", "be off or notify without a file of cities"
        )
