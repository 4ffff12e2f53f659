"""The few statistics that the benchmarks speak in."""

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
