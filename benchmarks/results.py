"""What a run found out, as plain values."""

from dataclasses import dataclass

from benchmarks.figures import Latency, Spread


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
    """Everything. `ratios` are of rates in the same round."""

    machine: Machine
    flows: FlowFigures
    idle_health: Latency
    floods: dict[str, FloodFigures]
    routes: dict[str, RouteFigures]
    ratios: dict[str, Spread]
