"""Variants without an attack, in which honest people look like one."""

from benchmarks.fraud import addresses, honest
from benchmarks.fraud.events import Event
from benchmarks.fraud.honest import DAY, HOUR, Change
from benchmarks.fraud.scenario import Scenario, registrar
from benchmarks.fraud.stage import HOMES, LARGE, SMALL, Stage

VARIANTS: dict[str, Scenario] = {}
_variant = registrar(VARIANTS)


@_variant("a service with 30 sends a day", is_attack=False, set_stage=SMALL)
def _small_service(stage: Stage) -> list[Event]:
    return stage.people()


@_variant("a service with 30 sends a day, whose largest market verifies half", is_attack=False, set_stage=SMALL)
def _small_service_converts_50(stage: Stage) -> list[Event]:
    stage.home.conversion = 0.5
    return stage.people()


@_variant(
    "a service with 30,000 sends a day, whose largest market has no delivery for 40 minutes",
    is_attack=False,
    set_stage=LARGE,
)
def _outage_of_a_country(stage: Stage) -> list[Event]:
    prefix = stage.home.country.prefix
    return stage.people(Change(stage.hour, stage.hour + 2 * HOUR / 3, converts=0.0, prefix=prefix))


@_variant("no codes arrive anywhere for 20 minutes", is_attack=False)
def _outage_everywhere(stage: Stage) -> list[Event]:
    return stage.people(Change(stage.hour, stage.hour + HOUR / 3, converts=0.0))


@_variant("a third of the codes of the second market arrive, for three hours", is_attack=False)
def _half_outage(stage: Stage) -> list[Event]:
    prefix = stage.markets[1].country.prefix
    return stage.people(Change(stage.hour, stage.hour + 3 * HOUR, converts=0.35, prefix=prefix))


@_variant("codes take a minute and a half at the median in the second market", is_attack=False)
def _slow_delivery(stage: Stage) -> list[Event]:
    stage.markets[1].median_delay = 90.0
    return stage.people()


@_variant("a country without history brings 5,000 people a day who verify 60 %", is_attack=False)
def _large_launch(stage: Stage) -> list[Event]:
    newcomer = honest.market(stage.foreign((*HOMES, "PH", "ID", "NG", "EG")), 5000, stage.rng, conversion=0.6)
    return stage.people() + honest.traffic([newcomer], start=stage.hour, end=stage.end)


@_variant("fifteen times the traffic in the first two hours of a service", is_attack=False)
def _opening_day(stage: Stage) -> list[Event]:
    return stage.people(Change(stage.start, stage.start + 2 * HOUR, factor=15.0))


@_variant("a conference: 900 people behind one address within two hours, 70 % verified", is_attack=False)
def _conference(stage: Stage) -> list[Event]:
    guests = honest.market(stage.home.country.region, 900 * DAY / (2 * HOUR), stage.rng, conversion=0.7)
    guests.draw_address = addresses.single(stage.rng)
    return stage.people() + honest.traffic([guests], start=stage.hour, end=stage.hour + 2 * HOUR)
