"""Many threads and processes at the cap, `kill -9` among them: the cap holds, and the ledger is the invoice.

`SPEND_PROCESSES=16` (as `make chaos` sets it) makes it long.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.simulator import Simulator
from otp_service.spending.money import amount_of
from otp_service.verifications.models import Verification
from tests.api import Api
from tests.codes import request_code
from tests.conftest import MakeApp, Time
from tests.factories import Person, make_person
from tests.parallel import at_once, race
from tests.processes import ROOT, Place, Program
from tests.spending.days import US, all_rows, invoiced, spent, sweep, totals
from tests.waiting import wait_until
from tests.webhooks.conftest import Listen

PROCESSES = int(os.environ.get("SPEND_PROCESSES", "3"))
SENDS = 4
"""How many codes each process asks for. Together, they ask for twice what the cap allows."""


@race
@pytest.mark.usefixtures("midday")
def test_of_many_sends_at_once_as_many_pass_as_the_cap_allows(
    make_app: MakeApp, sinch: Simulator, round_number: int
) -> None:
    app = make_app(SPEND_PER_DAY=str(5 * US), SPEND_RESERVED_FOR_SIGN_INS="0")
    people = [make_person(app) for _ in range(10)]

    answers = at_once(len(people), lambda number: request_code(Api(app), people[number]).status_code)

    assert sorted(answers) == [200] * 5 + [503] * 5
    assert (spent(app), invoiced(sinch, *(one.phone_number for one in people))) == (5 * US, 5 * US)


class Spenders:
    """Processes that ask for codes."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = {"PATH": os.environ["PATH"], **environment}
        self._folder = folder
        self._started: list[tuple[Program, Path]] = []

    def start(self, people: list[Person]) -> Program:
        """Start one that asks for these."""
        output = self._folder / f"spender-{len(self._started)}"
        place = Place(self._environment, ROOT, output, self._folder / "errors")
        program = Program(place, "tests.spending.spender", *(one.email for one in people))
        self._started.append((program, output))
        return program

    def lines(self) -> list[list[str]]:
        """What each has printed."""
        return [output.read_text().splitlines() if output.exists() else [] for _, output in self._started]

    def end(self) -> None:
        """Kill those that run."""
        for program, _ in self._started:
            if program.is_running:
                program.kill()
            program.wait()


@pytest.fixture
def spenders(environment: dict[str, str], tmp_path: Path) -> Iterator[Spenders]:
    """Processes on the database of the test, with a cap that half of their codes reach."""
    cap = {"SPEND_PER_DAY": str(PROCESSES * SENDS * US / 2), "SPEND_RESERVED_FOR_SIGN_INS": "0"}
    made = Spenders({**environment, **cap}, tmp_path)
    yield made
    made.end()


@pytest.mark.chaos
def test_killed_processes_never_pass_the_cap_and_the_ledger_equals_the_invoice(
    listen: Listen, spenders: Spenders, sinch: Simulator, time: Time
) -> None:
    # It hears the provider's events, each of them twice or never.
    app = listen().app
    people = [[make_person(app) for _ in range(SENDS)] for _ in range(PROCESSES)]
    sinch.set_fault("callback_twice", "report", times=PROCESSES)
    sinch.set_fault("callback_lost", "report", times=PROCESSES)
    programs = [spenders.start(some) for some in people]
    wait_until(lambda: sum(map(bool, spenders.lines())) == PROCESSES)

    for program in programs[: PROCESSES // 2 + 1]:
        program.kill()
        program.wait()
    late = spenders.start([make_person(app) for _ in range(PROCESSES * SENDS // 2)])
    ends = [program.wait() for program in (*programs[PROCESSES // 2 + 1 :], late)]

    assert set(ends) == {0}
    answers = [line for lines in spenders.lines() for line in lines]
    assert set(answers) == {"200 None", "503 spend_cap_reached"}
    time.advance(301)
    assert sinch.wait_for_callbacks()
    sweep(app)
    invoice = sum((line.price for line in sinch.invoice() if line.reference in references(app)), Decimal(0))
    days = [amount_of(row.spent) for row in all_rows(app) if row.subject == "total"]
    assert totals(app) == (invoice, invoice)
    assert max(days) <= PROCESSES * SENDS * US / 2
    assert invoice >= len([line for line in answers if line.startswith("200")]) * US


def references(app: Flask) -> set[str]:
    """The messages that this database knows."""
    with app.app_context():
        return {str(row.id) for row in fetch_all(select(Verification.id))}
