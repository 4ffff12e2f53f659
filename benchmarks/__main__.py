"""`python -m benchmarks`: measure everything, print a table, keep the numbers in benchmarks/results/."""

import argparse
import signal
import sys
from typing import NoReturn

from benchmarks import crowd_report, crowds, hash_limit, report, rounds
from benchmarks.stack import StartError, running
from benchmarks.wire import UnexpectedAnswer


def main() -> int:
    """0 when everything was measured, whatever came out; 1 when an answer was wrong or a program did not start."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about half a minute, with wider spreads")
    parser.add_argument("--crowds", action="store_true", help="only bursts and floods of sign-ins, about two minutes")
    parser.add_argument("--cost", type=int, default=hash_limit.COST, help="of a password hash, with --crowds")
    parser.add_argument("--strict", action="store_true", help="exit with 2 when a bar is missed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    if arguments.crowds:
        return _run_crowds(cost=arguments.cost, is_strict=arguments.strict)
    try:
        with running() as stack:
            results = rounds.measure(stack, rounds.QUICK if arguments.quick else rounds.FULL)
    except (UnexpectedAnswer, StartError, OSError) as error:
        print(f"BENCHMARK FAILED: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was kept.", file=sys.stderr)
        return 1
    print(report.table(results))
    print(f"Kept in {report.save(results)}")
    return 2 if arguments.strict and not report.meets_all_bars(results) else 0


def _run_crowds(*, cost: int, is_strict: bool) -> int:
    try:
        with running(cost=cost) as stack:
            burst = crowds.measure_burst(stack, crowd_report.BURST)
            floods = [crowds.measure_flood(stack, size, seconds=20) for size in crowd_report.FLOODS]
    except (UnexpectedAnswer, StartError, OSError) as error:
        print(f"BENCHMARK FAILED: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    bars = crowd_report.bars(burst, floods)
    print("\n".join([f"cost {cost}", *crowd_report.lines(burst, floods), "", *map(crowd_report.line_of, bars)]))
    return 2 if is_strict and not all(bar.is_met for bar in bars) else 0


def _interrupt(*_: object) -> NoReturn:
    """SIGTERM ends everything in order, as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
