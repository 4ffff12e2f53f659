"""Shows what bursts and floods of sign-ins gave, with their bars."""

from collections.abc import Iterator

from benchmarks.crowds import BurstFigures, FloodFigures
from benchmarks.report import Bar
from benchmarks.results import Latency

BURST = 64
FLOODS = (100, 400)
BURST_OF_HASH_TIME = 1.3
GOODPUT = 0.9
HEALTH_P99_MS = 50.0
OTHERS_P99_MS = 300.0
REFUSED_WITHIN_MS = 1_000.0


def lines(burst: BurstFigures, floods: list[FloodFigures]) -> Iterator[str]:
    """For people."""
    yield (
        f"  burst of {burst.people}: {burst.succeeded} succeeded in {burst.seconds:.1f} s, "
        f"{burst.of_hash_time:.2f} times what the hashes need"
    )
    for flood in floods:
        refusals = "none refused"
        if flood.refused_within and flood.retry_after_seconds:
            low, high = flood.retry_after_seconds
            refusals = f"{flood.refused} refused in {_times(flood.refused_within)}, Retry-After {low} to {high} s"
        wait = f"{flood.longest_wait_seconds:.1f} s"
        yield f"  flood of {flood.clients}: goodput {flood.goodput:.2f}, longest wait {wait}"
        yield f"    {refusals}"
        yield f"    /health {_times(flood.health)}; refresh {_times(flood.refresh)}; verify-otp {_times(flood.verify)}"


def bars(burst: BurstFigures, floods: list[FloodFigures]) -> list[Bar]:
    """All promises. A flood beyond the bound of the queue promises quick refusals and nothing about goodput."""
    share = f"{burst.succeeded} of {burst.people}"
    ratio = f"{burst.of_hash_time:.2f}"
    found = [
        Bar("burst: sign-ins that succeed", share, "all", burst.succeeded == burst.people),
        Bar("burst: time / hash time", ratio, f"<= {BURST_OF_HASH_TIME}", burst.of_hash_time <= BURST_OF_HASH_TIME),
    ]
    first, last = floods[0], floods[-1]
    found.append(Bar("flood: goodput", f"{first.goodput:.2f}", f">= {GOODPUT}", first.goodput >= GOODPUT))
    for name, felt, most in (
        ("/health", first.health, HEALTH_P99_MS),
        ("refresh", first.refresh, OTHERS_P99_MS),
        ("verify-otp", first.verify, OTHERS_P99_MS),
    ):
        found.append(Bar(f"flood: {name} p99", f"{felt.p99_ms:.0f} ms", f"< {most:.0f} ms", felt.p99_ms < most))
    if last.refused_within:
        p99, most = last.refused_within.p99_ms, REFUSED_WITHIN_MS
        found.append(Bar(f"flood of {last.clients}: refused within", f"{p99:.0f} ms", f"< {most:.0f} ms", p99 < most))
    return found


def line_of(bar: Bar) -> str:
    """A bar in a line."""
    return f"  {'ok   ' if bar.is_met else 'BELOW'} {bar.what:<45} {bar.measured:<22} {bar.wanted}"


def _times(found: Latency) -> str:
    return f"p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms"
