"""The tables of a comparison: for a terminal, and as Markdown between the markers of docs/fraud.md."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fraud.bars import Bar, best_other, percent, total
from benchmarks.fraud.comparison import Outcomes, Result
from benchmarks.fraud.policies import OURS, POLICIES, TO_BEAT

PAGE = Path("docs/fraud.md")
BEGIN, END = "<!-- make bench-fraud writes from here -->", "<!-- to here -->"

Rows = list[list[str]]


def scenario_rows(results: Sequence[Result]) -> Rows:
    """A row for each scenario: what the guard did there, and the harm of others."""
    head = [
        "scenario",
        "undefended",
        "lost",
        "harm (lowest to highest)",
        "refused",
        "cannot be told apart",
        "contained after",
    ]
    rows = [[*head, "harm of the best other", "of the sequential test"]]
    for result in results:
        ours = result.by_policy[OURS]
        rows.append([
            result.scenario.name,
            *_money(ours, is_attack=result.scenario.is_attack),
            f"{ours.refused} of {ours.people}",
            str(ours.inseparable),
            _contained(ours) if result.scenario.is_attack else "",
            *_others(result),
        ])  # fmt: skip
    return rows


def policy_rows(results: Sequence[Result]) -> Rows:
    """A row for each policy: all scenarios together."""
    rows = [["policy", "money lost", "harm in EUR", "honest people refused", "cannot be told apart"]]
    for name in POLICIES:
        if name in results[0].by_policy:
            sums = total(results, name)
            rows.append([
                name,
                percent(sums.lost / sums.undefended) if sums.undefended else "",
                f"{sums.harm:,.0f}",
                percent(sums.refused / sums.people),
                str(sums.inseparable),
            ])  # fmt: skip
    return rows


def bar_rows(bars: Sequence[Bar]) -> Rows:
    """A row for each line of the bar."""
    head = [["demanded", "measured", "met"]]
    return head + [[bar.demand, bar.measured, "yes" if bar.is_met else "**no**"] for bar in bars]


def text(rows: Rows) -> str:
    """Align columns with spaces."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def markdown(rows: Rows) -> str:
    """Write a table in Markdown."""
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])


def write_page(results: Sequence[Result], bars: Sequence[Bar], about: str, page: Path = PAGE) -> None:
    """Replace what stands between the markers. Raises ValueError if the page has none."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} lacks the markers {BEGIN} and {END}")
    parts = [about, *(markdown(rows) for rows in (bar_rows(bars), policy_rows(results), scenario_rows(results)))]
    page.write_text("\n\n".join([before + begin, *parts, end + after]), encoding="utf-8")


def _money(ours: Outcomes, *, is_attack: bool) -> list[str]:
    if not is_attack:
        return ["", "", ""]
    shares = ours.harm_shares
    return [
        f"{ours.undefended / len(ours.scores):,.0f} EUR",
        percent(ours.lost / ours.undefended),
        f"{percent(ours.harm_share)} ({percent(min(shares))} to {percent(max(shares))})",
    ]


def _others(result: Result) -> list[str]:
    best, test = best_other(result), result.by_policy[TO_BEAT]
    if not result.scenario.is_attack:
        return ["", f"{test.refused} refused"]
    return [f"{percent(result.by_policy[best].harm_share)} ({best})", percent(test.harm_share)]


def _contained(ours: Outcomes) -> str:
    seconds = statistics.median(one.seconds_to_contain for one in ours.scores if one.seconds_to_contain is not None)
    if math.isinf(seconds):
        return "never"
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
