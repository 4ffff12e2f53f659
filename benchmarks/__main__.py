"""`python -m benchmarks`: measure everything, print a table, keep the numbers in benchmarks/results/."""

import argparse
import signal
import sys
from typing import NoReturn

from benchmarks import report, rounds
from benchmarks.stack import StartError, running
from benchmarks.wire import UnexpectedAnswer


def main() -> int:
    """0 when everything was measured, whatever came out; 1 when an answer was wrong or a program did not start."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about half a minute, with wider spreads")
    parser.add_argument("--strict", action="store_true", help="exit with 2 when a bar is missed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
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


def _interrupt(*_: object) -> NoReturn:
    """SIGTERM ends everything in order, as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
