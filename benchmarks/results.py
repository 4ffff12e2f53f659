"""The results of a run as plain values, and the few statistics that the report shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """What rounds of the same measurement gave: the middle one, and the two ends."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of many requests, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


def spread(values: Sequence[float]) -> Spread:
    """Of one value or more."""
    return Spread(median(values), min(values), max(values))


def latency(seconds: Sequence[float]) -> Latency:
    """Of one time or more."""
    ordered = sorted(seconds)
    return Latency(
        count=len(ordered),
        p50_ms=_percentile(ordered, 0.50) * 1000,
        p99_ms=_percentile(ordered, 0.99) * 1000,
        worst_ms=ordered[-1] * 1000,
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank: a time that was measured, none in between."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and when it ran. `load_before` is the load average of the last minute before the run."""

    at: str
    cores: int
    python: str
    load_before: float
    is_quick: bool


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """Hashes and flows a second, and the flows' share of what the hashes allow."""

    hashes_per_second: Spread
    flows_per_second: Spread
    share_of_limit: Spread
    clients: int
    flows: int
    retries: int
    steps: dict[str, Latency]


@dataclass(frozen=True, slots=True)
class FloodFigures:
    """/health under one kind of flood; `hash_share` is the part of the machine's hash limit that was in use."""

    health: Latency
    answers: dict[int, int]
    hash_share: float


@dataclass(frozen=True, slots=True)
class RouteFigures:
    """Requests a second; `generator_share` is what asking took of one core."""

    per_second: Spread
    generator_share: float


@dataclass(frozen=True, slots=True)
class Results:
    """Everything. `ratios` are of rates, or of times, in the same round."""

    machine: Machine
    flows: FlowFigures
    idle_health: Latency
    floods: dict[str, FloodFigures]
    routes: dict[str, RouteFigures]
    ratios: dict[str, Spread]
