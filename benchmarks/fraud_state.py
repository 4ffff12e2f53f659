"""`python -m benchmarks.fraud_state`: how long a decision of the guard takes, and how much room its memory needs."""

import argparse
import csv
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from config import Config
from otp_service import create_app
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.extensions import db
from otp_service.fraud import Screening, Wanted, decide, fold_sent, fold_verified, records, send_of, sends
from otp_service.fraud.node import Node
from otp_service.fraud.records import MOST_NODES, NARROW, QUIET_FOR
from otp_service.fraud.sends import Findings, Learned, Outcome
from tests.servers import PostgresServer

MOST_MILLISECONDS, MOST_MEGABYTES = 2.0, 100.0
PREFIXES = [("+49", code, 8) for code in (1511, 1520, 1573, 1590, 1601, 1705, 1762, 1781)]
PREFIXES += [("+44", code, 6) for code in (7400, 7501, 7700, 7801, 7911)]
PREFIXES += [("+33", code, 7) for code in (61, 62, 67, 75)] + [("+1", code, 7) for code in (212, 305, 415, 617, 713)]
CONVERSION = 0.85
UNLEARNED = 20
"""Sends that wait for the folder when a decision is made, as on a service with that many a second."""


@dataclass(frozen=True, slots=True)
class Person:
    """A number that was verified once, from an address of its own."""

    number: str
    ip: str


def main() -> int:
    """0 when both bars are met, 1 when one is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fraud_state", description=__doc__)
    parser.add_argument("--numbers", type=int, default=1_000_000, help="known numbers")
    parser.add_argument("--days", type=int, default=30, help="over how many days they asked for a code")
    parser.add_argument("--decisions", type=int, default=3_000, help="decisions that are timed")
    arguments = parser.parse_args()
    rng = random.Random(1)
    people = [_person(rng) for _ in range(arguments.numbers)]
    with _application() as app, app.app_context():
        now = clock.now()
        nodes = _learned(people, now, timedelta(days=arguments.days), rng)
        with transaction():
            records.write(nodes, now=now)
        _fill_history(people, now, timedelta(days=arguments.days))
        _leave_unlearned(people, rng)
        db.session.execute(text("ANALYZE"))
        db.session.commit()
        taken = _timed(rng.sample(people, arguments.decisions))
        sizes = {name: _megabytes(name) for name in ("fraud_nodes", "fraud_sends", "fraud_blocks", "fraud_rules")}
    state = sizes["fraud_nodes"] + sizes["fraud_blocks"] + sizes["fraud_rules"]
    print(f"numbers known                 {arguments.numbers:>12,}")
    print(f"nodes                         {len(nodes):>12,}")
    print(f"state, MB                     {state:>12.1f}   at most {MOST_MEGABYTES:.0f}")
    print(f"history of {arguments.days:>3} days, MB       {sizes['fraud_sends']:>12.1f}   no decision reads it")
    print(f"decision, median ms           {taken.median:>12.2f}   at most {MOST_MILLISECONDS:.0f}")
    print(f"decision, p99 ms              {taken.p99:>12.2f}")
    print(f"its processor time here, ms   {taken.processor:>12.2f}   the rest is the database, and other work")
    return 0 if taken.median <= MOST_MILLISECONDS and state <= MOST_MEGABYTES else 1


@contextmanager
def _application() -> Iterator[Flask]:
    """The application on a PostgreSQL of its own, without a server in front."""
    with tempfile.TemporaryDirectory() as folder, PostgresServer(durable=True) as postgres:
        environment = {
            "APP_ENV": "development",
            "INSTANCE_DIR": str(Path(folder) / "instance"),
            "DATABASE_URL": postgres.create_database("guard"),
            "DATABASE_STATEMENT_TIMEOUT_MS": "600000",
            "LOG_LEVEL": "ERROR",
        }
        app = create_app(Config.from_env(environment))
        with app.app_context():
            upgrade(directory="migrations")
        yield app
        with app.app_context():
            db.engine.dispose()


def _person(rng: random.Random) -> Person:
    country, code, digits = rng.choice(PREFIXES)
    number = f"{country}{code}{rng.randrange(10**digits):0{digits}}"
    return Person(number, f"{rng.randrange(1, 224)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}")


def _learned(people: list[Person], now: datetime, span: timedelta, rng: random.Random) -> dict[str, Node]:
    """What is left in memory of everybody's code, the quiet nodes forgotten as the worker does."""
    nodes: dict[str, Node] = {}
    for place, person in enumerate(people):
        at = now - span * (1 - place / len(people))
        attempt = _wanted(person).attempt(at)
        send = send_of(attempt, decide(attempt, nodes))
        fold_sent(send, nodes)
        if rng.random() < CONVERSION:
            fold_verified(send, at.timestamp() + rng.lognormvariate(3.4, 0.7), nodes)
        if place % 50_000 == 0:
            nodes = _without_quiet(nodes, at)
    return _without_quiet(nodes, now)


def _without_quiet(nodes: dict[str, Node], now: datetime) -> dict[str, Node]:
    since = (now - QUIET_FOR).timestamp()
    kept = {key: node for key, node in nodes.items() if node.at >= since or not key.startswith(_NARROW)}
    excess = len(kept) - MOST_NODES
    if excess > 0:
        narrow = sorted((node.at, key) for key, node in kept.items() if key.startswith(_NARROW))
        for _, key in narrow[:excess]:
            del kept[key]
    return kept


_NARROW = tuple(f"{depth}:" for depth in NARROW)


def _wanted(person: Person) -> Wanted:
    return Wanted(person.number, person.ip, "sms", Decimal("0.085"))


def _fill_history(people: list[Person], now: datetime, span: timedelta) -> None:
    """Store a send for each number, as the service does, in one statement."""
    done = {"outcome": Outcome.VERIFIED.value, "folded": int(Learned.SENT | Learned.VERIFIED), "due_at": None}
    with tempfile.TemporaryFile("w+", newline="") as file:
        writer = csv.writer(file)
        columns: list[str] = []
        for place, person in enumerate(people):
            at = now - span * (1 - place / len(people))
            row = {**sends.values_of(uuid.uuid4(), _found(person, at), at=at), **done, "outcome_at": at}
            columns = list(row)
            writer.writerow(row.values())
        file.seek(0)
        with db.engine.begin() as connection:
            cursor: Any = connection.connection.cursor()
            cursor.execute("SELECT 1")  # begins the transaction
            cursor.copy_expert(f"COPY fraud_sends ({', '.join(columns)}) FROM STDIN WITH (FORMAT csv)", file)


def _found(person: Person, at: datetime) -> Findings:
    attempt = _wanted(person).attempt(at)
    decision = decide(attempt, {})
    return Findings(person.number, attempt, decision, decision)


def _leave_unlearned(people: list[Person], rng: random.Random) -> None:
    with transaction():
        for person in rng.sample(people, UNLEARNED):
            at = clock.now()
            sends.add(uuid.uuid4(), _found(person, at), at=at)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a decision takes in milliseconds, the round trip included; and its median time of the processor here."""

    median: float
    p99: float
    processor: float


def _timed(people: list[Person]) -> Taken:
    """Time the decision about a message to each number."""
    taken, worked = [], []
    for person in people:
        with Screening(replace(_wanted(person), ip="192.0.2.1")) as screening, transaction() as session:
            session.connection()  # a send has done something in its transaction before
            started, own = time.perf_counter(), time.process_time()
            screening.check(at=clock.now())
            taken.append((time.perf_counter() - started) * 1000)
            worked.append((time.process_time() - own) * 1000)
    return Taken(statistics.median(taken), statistics.quantiles(taken, n=100)[-1], statistics.median(worked))


def _megabytes(table: str) -> float:
    return float(fetch_all(text(f"SELECT pg_total_relation_size('{table}')"))[0][0]) / 1_000_000


if __name__ == "__main__":
    sys.exit(main())
