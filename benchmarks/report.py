"""Puts the numbers into a table with their bars, and keeps them as JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from benchmarks.results import Results, Spread
from benchmarks.rounds import CHECK

FOLDER = Path(__file__).resolve().parent / "results"
FLOWS_OF_LIMIT = 0.85
HEALTH_P99_MS = 100.0
PROFILE_OF_SELECT = 0.6
REFRESH_OF_PROFILE = 1.5
CHECK_OF_VERIFY = 1.3


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise, and what was measured for it."""

    what: str
    measured: str
    wanted: str
    is_met: bool


def bars(results: Results) -> list[Bar]:
    """All promises."""
    share, profile = results.flows.share_of_limit, results.ratios["profile / bare with SELECT"]
    found = [Bar("flows / bcrypt limit", _ratio(share), f">= {FLOWS_OF_LIMIT}", share.median >= FLOWS_OF_LIMIT)]
    for manners, figures in results.floods.items():
        p99 = figures.health.p99_ms
        name = f"/health p99, clients {manners}"
        found.append(Bar(name, f"{p99:.0f} ms", f"< {HEALTH_P99_MS:.0f} ms", p99 < HEALTH_P99_MS))
    is_met = profile.median >= PROFILE_OF_SELECT
    found.append(Bar("/profile / bare with SELECT", _ratio(profile), f">= {PROFILE_OF_SELECT}", is_met))
    cost = results.ratios["profile / refresh"]
    is_met = cost.median <= REFRESH_OF_PROFILE
    found.append(Bar("cost of a refresh / of a profile", _ratio(cost), f"<= {REFRESH_OF_PROFILE}", is_met))
    check = results.ratios[CHECK]
    return [*found, Bar(CHECK, _ratio(check), f"<= {CHECK_OF_VERIFY}", check.median <= CHECK_OF_VERIFY)]


def meets_all_bars(results: Results) -> bool:
    """Whether no promise is broken."""
    return all(bar.is_met for bar in bars(results))


def table(results: Results) -> str:
    """For people."""
    return "\n".join(["", *_machine(results), *_flows(results), *_floods(results), *_routes(results), *_bars(results)])


def save(results: Results) -> Path:
    """Write them down; returns the file."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{results.machine.at.replace(':', '')}.json"
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    summary = {"bars": [asdict(bar) for bar in bars(results)]}
    path.write_bytes(orjson.dumps(asdict(results) | summary, option=options))
    return path


def _machine(results: Results) -> Iterator[str]:
    machine = results.machine
    yield f"{machine.at}, {machine.cores} cores, Python {machine.python}, load before {machine.load_before}"
    yield "Middle of the rounds (lowest to highest). Clients, PostgreSQL and the simulator share the same cores."


def _flows(results: Results) -> Iterator[str]:
    flows = results.flows
    yield ""
    yield f"  bcrypt hashes a second    {_span(flows.hashes_per_second)}"
    yield f"  whole flows a second      {_span(flows.flows_per_second)}   {flows.clients} clients"
    yield f"  flows counted, retries    {flows.flows}, {flows.retries}"
    for step, times in flows.steps.items():
        yield f"  step {step:<20} p50 {times.p50_ms:7.1f} ms   p99 {times.p99_ms:7.1f} ms"


def _floods(results: Results) -> Iterator[str]:
    yield ""
    idle = results.idle_health
    yield f"  /health, idle             p50 {idle.p50_ms:7.1f} ms   p99 {idle.p99_ms:7.1f} ms"
    for manners, figures in results.floods.items():
        health = figures.health
        said = ", ".join(f"{count} x {status}" for status, count in sorted(figures.answers.items()))
        yield (
            f"  /health, 32 {manners:<13} p50 {health.p50_ms:7.1f} ms   p99 {health.p99_ms:7.1f} ms   "
            f"worst {health.worst_ms:.0f} ms of {health.count}; logins {said}; hashes at {figures.hash_share:.0%}"
        )


def _routes(results: Results) -> Iterator[str]:
    yield ""
    for name, figures in results.routes.items():
        yield (
            f"  {name:<25} {_span(figures.per_second)} requests/s   asking took {figures.generator_share:.0%} of a core"
        )
    for name, ratio in results.ratios.items():
        yield f"  {name:<32} {_ratio(ratio)}"


def _bars(results: Results) -> Iterator[str]:
    yield ""
    for bar in bars(results):
        yield f"  {'ok   ' if bar.is_met else 'BELOW'} {bar.what:<45} {bar.measured:<22} {bar.wanted}"
    yield ""


def _span(found: Spread) -> str:
    return f"{found.median:8.2f} ({found.low:.2f} to {found.high:.2f})"


def _ratio(found: Spread) -> str:
    return f"{found.median:.3f} ({found.low:.2f} to {found.high:.2f})"
