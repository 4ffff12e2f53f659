"""What the fraud benchmark concludes and writes, from results made by hand."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.fraud import chart, report
from benchmarks.fraud.bars import best_other, judge, percent
from benchmarks.fraud.comparison import Outcomes, Result
from benchmarks.fraud.policies import OTHERS, OURS, POLICIES, TO_BEAT
from benchmarks.fraud.scenarios import SCENARIOS
from benchmarks.fraud.scoring import Score

pytestmark = pytest.mark.one_database

UNDEFENDED = 100.0


def outcomes(lost: float, refused: int = 0) -> Outcomes:
    return Outcomes((Score(lost, UNDEFENDED, 1000, 10_000, refused, 0, 60.0),))


def result(name: str, *, ours: Outcomes, best: float = 50.0) -> Result:
    """A scenario in which one of the other policies has the harm `best`, and the sequential test 20."""
    others = {policy: outcomes(UNDEFENDED) for policy in POLICIES} | {OTHERS[-1]: outcomes(best)}
    return Result(SCENARIOS[name], others | {TO_BEAT: outcomes(20.0), OURS: ours})


def missed(*results: Result) -> list[str]:
    return [scenario for bar in judge(results) if not bar.is_met for scenario in bar.missing or (bar.demand,)]


def test_a_guard_that_meets_every_line_misses_no_scenario() -> None:
    assert missed(result("burst", ours=outcomes(2.0)), result("slow-drip", ours=outcomes(4.0, refused=1))) == []


def test_each_line_names_the_scenarios_that_miss_it() -> None:
    expensive = result("burst", ours=outcomes(11.0))
    no_better = result("slow-drip", ours=outcomes(1.0), best=2.0)
    harsh = result("four-minutes", ours=outcomes(0.0, refused=201))

    assert missed(expensive, no_better)[:2] == ["burst 11 %", "slow-drip 50 %"]
    assert "four-minutes 2.0 %" in missed(harsh)
    assert best_other(no_better) == OTHERS[-1]


def test_an_attack_that_is_spread_like_people_may_pass_but_not_cost_more_than_no_guard() -> None:
    def of_no_guard(ours: Outcomes) -> list[bool]:
        results = [result("evenly-over-a-country", ours=ours)]
        return [bar.is_met for bar in judge(results) if bar.demand.startswith("harm of any attack")]

    assert of_no_guard(outcomes(100.0, refused=5)) == [True]
    assert of_no_guard(outcomes(100.0, refused=6)) == [False]


def test_the_tables_replace_what_stands_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "fraud.md"
    page.write_text(f"before\n{report.BEGIN}\nEARLIER\n{report.END}\nafter\n", encoding="utf-8")
    results = [result("burst", ours=outcomes(2.0)), result("outage", ours=outcomes(0.0))]

    report.write_page(results, judge(results), "about", page)
    report.write_page(results, judge(results), "about", page)

    text = page.read_text(encoding="utf-8")
    assert "EARLIER" not in text
    assert text.startswith(f"before\n{report.BEGIN}\n\nabout\n\n| demanded |")
    assert text.endswith(f"|\n\n{report.END}\nafter\n")


def test_a_page_without_markers_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "fraud.md"
    page.write_text("text", encoding="utf-8")

    with pytest.raises(ValueError, match="lacks the markers"):
        report.write_page([result("burst", ours=outcomes(2.0))], [], "about", page)

    assert page.read_text(encoding="utf-8") == "text"


def test_the_chart_has_a_row_for_each_attack_and_a_mark_for_each_policy() -> None:
    drawn = ElementTree.fromstring(chart.draw([result("burst", ours=outcomes(0.0))]))

    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    marks = [element.get("class") for element in drawn.iter("{http://www.w3.org/2000/svg}path")]
    assert "burst" in texts
    assert marks.count("guard") == 2  # in the legend and in the row


def test_a_share_has_two_significant_digits() -> None:
    assert [percent(share) for share in (0, 0.00012, 0.0123, 0.456, 3)] == ["0 %", "0.012 %", "1.2 %", "46 %", "300 %"]
