"""Synthetic traffic of pumped sign-up forms: `generate` writes a scenario, `compare` judges the fraud guard with it.

A full comparison writes its table and its chart into docs/fraud.md.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from benchmarks.fraud import chart, events, report
from benchmarks.fraud.bars import judge
from benchmarks.fraud.comparison import Result, compare
from benchmarks.fraud.generator import VARIANTS, generate
from benchmarks.fraud.policies import OURS, POLICIES
from benchmarks.fraud.scenario import Scenario
from benchmarks.fraud.scenarios import SCENARIOS

FULL, QUICK = 3, 1


def main() -> int:
    """0 when everything was measured, whatever came out; 2 when a bar is missed with --strict."""
    arguments = _arguments()
    every = {**SCENARIOS, **VARIANTS}
    if arguments.command == "list":
        for scenario in every.values():
            print(f"{scenario.name:34} {scenario.about}")
    elif arguments.command == "generate":
        return _generate(arguments.scenario, arguments.seed)
    else:
        chosen = [every[name] for name in arguments.scenario or (VARIANTS if arguments.variants else SCENARIOS)]
        seeds = arguments.seeds or (QUICK if arguments.quick else FULL)
        is_full = seeds >= FULL and not (arguments.scenario or arguments.variants)
        return _compare(chosen, seeds, is_strict=arguments.strict, is_written=is_full)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fraud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name scenarios and variants")
    generating = commands.add_parser("generate", help="write a scenario's events as CSV, for `flask fraud replay`")
    generating.add_argument("scenario", choices=[*SCENARIOS, *VARIANTS])
    generating.add_argument("--seed", type=int, default=1)
    comparing = commands.add_parser("compare", help="replay scenarios against each policy and judge the guard")
    comparing.add_argument("--quick", action="store_true", help="one seed; docs/fraud.md stays as it is")
    comparing.add_argument("--seeds", type=int, help="how many seeds")
    comparing.add_argument("--variants", action="store_true", help="the second set of scenarios")
    comparing.add_argument("--scenario", action="append", choices=[*SCENARIOS, *VARIANTS], help="only this one")
    comparing.add_argument("--strict", action="store_true", help="exit with 2 when a line of the bar is missed")
    return parser.parse_args()


def _generate(name: str, seed: int) -> int:
    try:
        events.write(generate(name, seed), sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough; the interpreter must not flush again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _compare(scenarios: Sequence[Scenario], seeds: int, *, is_strict: bool, is_written: bool) -> int:
    began = time.monotonic()
    results = []
    for result in compare(scenarios, range(1, seeds + 1), tuple(POLICIES)):
        print(_progress(result), file=sys.stderr, flush=True)
        results.append(result)
    bars = judge(results)
    about = f"{len(scenarios)} scenarios, seeds: {seeds}, events: {sum(_count(one) for one in results):,}."
    tables = [report.scenario_rows(results), report.policy_rows(results), report.bar_rows(bars)]
    print("\n\n".join(["Synthetic traffic. " + about, *map(report.text, tables)]))
    for bar in bars:
        if bar.missing:
            print(f"missed: {bar.demand}: {', '.join(bar.missing)}")
    print(f"{time.monotonic() - began:.0f} s")
    if is_written:
        report.write_page(results, bars, about)
        chart.write(results)
    return 2 if is_strict and not all(bar.is_met for bar in bars) else 0


def _count(result: Result) -> int:
    return sum(one.people + one.attack_sends for one in result.by_policy[OURS].scores)


def _progress(result: Result) -> str:
    ours = result.by_policy[OURS]
    harm = f"harm {ours.harm:8.2f} of {ours.undefended:9.2f} EUR" if ours.undefended else ""
    return f"{result.scenario.name:34} {harm:35} refused {ours.refused} of {ours.people}"


if __name__ == "__main__":
    sys.exit(main())
