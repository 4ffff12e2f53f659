"""`python -m benchmarks.fraud generate SCENARIO --seed N`: write the events of a scenario to standard output."""

import argparse
import sys

from benchmarks.fraud import events
from benchmarks.fraud.generator import generate
from benchmarks.fraud.scenarios import SCENARIOS


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fraud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name the scenarios")
    generating = commands.add_parser("generate", help="write a scenario's events as CSV")
    generating.add_argument("scenario", choices=list(SCENARIOS))
    generating.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.command == "list":
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:24} {scenario.about}")
    else:
        events.write(generate(arguments.scenario, arguments.seed), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
