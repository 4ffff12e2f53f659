"""Many verifications with every kind of fault: each ends verified, none is dead, doubled or billed unseen.

Once with people who have an account here, and once with the users of a backend.
`CHAOS_VERIFICATIONS=10000` (as `make chaos` sets it) makes it long.
"""

import os
import random
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import cycle
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select

from otp_service.accounts import password_hashing
from otp_service.accounts.models import User
from otp_service.audit import verifying
from otp_service.audit.models import AuditEvent
from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.simulator import Simulator
from otp_service.verifications import sweeping
from otp_service.verifications.models import Verification
from tests.api import Answer, Api
from tests.backends.verifications.shops import Shop
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person
from tests.spending.days import totals

COUNT = int(os.environ.get("CHAOS_VERIFICATIONS", "60"))
FAULT_SHARE = 0.2
TRIES = 20
"""Of 10,000 people none should need more: a fault is in every fifth call, and one that a repeated request did not meet,
since it started nothing, waits for the next start."""

AREAS = cycle((212, 213, 310, 312, 404, 415))
"""Each run has numbers of its own: a start that the run before left stalled may still send a message to one of its."""

THREADS = 6
TIMEOUT_MS = 1_000  # a busy machine must not look like a provider that is away
STALL_SECONDS = 1.5
BUSY = {502, 503}
NEVER = ("dead codes", "double grants", "double messages for one request", "codes that could not be had",
         "differences to the invoice", "differences of the ledger")  # fmt: skip

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("latency", {"seconds": 0.05}),
    ("status", {"status_code": 500, "phase": "before"}),
    ("status", {"status_code": 500, "phase": "after"}),
    ("status", {"status_code": 429, "phase": "before"}),
    ("stall", {"seconds": STALL_SECONDS, "phase": "before"}),
    ("stall", {"seconds": STALL_SECONDS, "phase": "after"}),
    ("garbage", {"phase": "before"}),
    ("garbage", {"phase": "after"}),
    ("half_body", {"phase": "after"}),
    ("reset", {"phase": "before"}),
    ("reset", {"phase": "after"}),
    ("redirect", {}),
]


class OwnPeople:
    """People with an account here, who ask for codes by their address."""

    spent, granted = 401, "phone.verified"

    def __init__(self, app: Flask) -> None:
        self.api = Api(app)

    def ask(self, person: Person) -> Answer:
        """Ask for a code."""
        return self.api.post("/auth/request-otp", {"email": person.email})

    def enter(self, person: Person, code: str) -> int:
        """Type a code in; the status of the response."""
        return self.api.post("/auth/verify-otp", {"email": person.email, "otpCode": code}).status_code

    def requests(self, asked: int) -> int:
        """How many requests these were: each one."""
        return asked


class UsersOfABackend:
    """People whose backend verifies their numbers. It repeats each request once, and then begins another one."""

    spent, granted = 410, "verification.approved"

    def __init__(self, app: Flask) -> None:
        self.shop = Shop(app)
        self._ids: dict[Person, str] = {}
        self._asked: Counter[Person] = Counter()

    def ask(self, person: Person) -> Answer:
        """Start a verification, or repeat the request for the one before."""
        key = f"{person.id}-{self._asked[person] // 2}"
        self._asked[person] += 1
        answer = self.shop.start(person.phone_number, repeat_as=key)
        if answer.status_code == 201:
            self._ids[person] = answer.json["id"]
        return answer

    def enter(self, person: Person, code: str) -> int:
        """Have the backend check a code; the status of the response."""
        return self.shop.check(self._ids[person], code).status_code

    def requests(self, asked: int) -> int:
        """How many requests these were: a repeated one is one."""
        return (asked + 1) // 2


class Chaos:
    """What happened, counted over all people."""

    def __init__(self, people: OwnPeople | UsersOfABackend, sinch: Simulator, seed: int) -> None:
        self.people, self.sinch, self.seed = people, sinch, seed
        self.told: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, what: str, number: int = 1) -> None:
        """Note that something happened."""
        with self._lock:
            self.told[what] += number

    def live(self, person: Person) -> None:
        """Get a code and prove it, trying again as the answers advise; then try it once more."""
        dice = random.Random(f"{self.seed} {person.id}")
        requests = self.request(person, dice)
        messages = self.sinch.inbox(person.phone_number)
        self.count("double messages for one request", max(0, len(messages) - self.people.requests(requests)))
        self.count("double messages for one request", len(messages) - len({each["reference"] for each in messages}))
        if not messages:
            self.count("codes that could not be had")
            return
        granted, code = self.verify(person, dice)
        self.count("granted", granted)
        self.count("dead codes", not granted)
        self.count("double grants", self.try_again(person, code) != self.people.spent)

    def request(self, person: Person, dice: random.Random) -> int:
        """Ask for a code until one is sent; how many requests that took.

        A database that was too slow to note what happened is a fault as well: then the cooldown says so.
        """
        for number in range(1, TRIES + 1):
            self.perhaps_fail("start", person, dice)
            response = self.people.ask(person)
            has_code = response.json.get("code") == "otp_cooldown" and self.sinch.inbox(person.phone_number)
            if response.status_code in {200, 201} or has_code:
                return number
            assert response.status_code in BUSY, response.json
            assert response.json["message"]
        return TRIES

    def verify(self, person: Person, dice: random.Random) -> tuple[bool, str]:
        """Type in what the phone shows, newest first, until it is granted or refused; the last code tried."""
        message = {}
        for _ in range(TRIES):
            message = self.sinch.inbox(person.phone_number)[0]
            self.perhaps_fail("report", person, dice)
            status = self.people.enter(person, message["code"])
            if status == 200:
                return True, message["code"]
            is_newest = message["id"] == self.sinch.inbox(person.phone_number)[0]["id"]
            if status not in BUSY and is_newest:  # a start that was held may have sent another meanwhile
                break
        return False, message["code"]

    def try_again(self, person: Person, code: str) -> int:
        """The status that a code gets which was granted; "not now" is none, as long as it ends."""
        status = 0
        for _ in range(TRIES):
            status = self.people.enter(person, code)
            if status not in BUSY:
                break
            self.count("second tries put off")
        return status

    def perhaps_fail(self, operation: str, person: Person, dice: random.Random) -> None:
        if dice.random() < FAULT_SHARE:
            kind, options = dice.choice(FAULTS)
            self.sinch.set_fault(kind, operation, number=person.phone_number, times=1, **options)
            self.count("faults")


def make_people(app: Flask, count: int) -> list[Person]:
    """Register many at once: the hash is the same for all."""
    with app.app_context():
        password_hash, now = password_hashing.hash_password(PASSWORD), clock.now()
        area = next(AREAS)
        numbers = [f"+1{area}555{line:04d}" for line in range(count)]
        rows = [
            {
                "email": f"chaos{number}@example.com",
                "phone_number": phone_number,
                "password_hash": password_hash,
                "password_changed_at": now,
                "created_at": now,
            }
            for number, phone_number in enumerate(numbers)
        ]
        with transaction():
            for row in rows:
                execute(insert(User).values(row))
        found = fetch_all(select(User.id, User.email, User.phone_number).where(User.email.like("chaos%")))
    return [Person(*row) for row in found]


@pytest.mark.chaos
@pytest.mark.parametrize("kind", [OwnPeople, UsersOfABackend])
def test_every_verification_ends_well_and_the_bill_is_ours(
    make_app: MakeApp,
    sinch: Simulator,
    time: Time,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
    kind: type[OwnPeople | UsersOfABackend],
) -> None:
    app = make_app(SINCH_TIMEOUT_MS=str(TIMEOUT_MS))
    people = make_people(app, COUNT)
    chaos = Chaos(kind(app), sinch, seed=random.SystemRandom().randrange(10**6))
    numbers = {person.phone_number for person in people}
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(chaos.live, people))
    time.advance(301)
    with app.app_context():
        while (swept := sweeping.sweep()).settled + swept.closed + swept.priced:
            assert not swept.failed
        ours = fetch_all(select(Verification.id, Verification.price_amount, Verification.state))
        grants = fetch_all(select(AuditEvent.id).where(AuditEvent.event == kind.granted))
        trail = verifying.verify()
    bill = {line.reference: line.price for line in sinch.invoice() if line.to in numbers}
    prices = {str(row.id): row.price_amount for row in ours if row.price_amount is not None}
    chaos.told["differences to the invoice"] = len(prices.items() ^ bill.items())
    chaos.told["differences of the ledger"] = len({*totals(app)} ^ {sum(bill.values(), Decimal())})
    with capsys.disabled():
        sys.stdout.write(report(chaos, database_url.partition(":")[0], sum(bill.values(), Decimal())))
    assert chaos.told["granted"] == len(grants) == COUNT, f"seed {chaos.seed}"
    assert [chaos.told[fault] for fault in NEVER] == [0] * len(NEVER), f"seed {chaos.seed}"
    assert trail.faults == [], f"seed {chaos.seed}"
    assert {row.state for row in ours} <= {"verified", "undelivered", "superseded", "expired"}
    assert chaos.told["faults"] > COUNT * FAULT_SHARE / 2  # in each fifth of at least two calls


def report(chaos: Chaos, database: str, invoiced: Decimal) -> str:
    """What happened, in one line for each number."""
    whose = type(chaos.people).__name__
    lines = [f"{COUNT:,} verifications of {whose} on {database}, {chaos.told['faults']:,} faults, seed {chaos.seed}"]
    lines += [f"  {fault}: {chaos.told[fault]}" for fault in (*NEVER, "second tries put off")]
    return "\n" + "\n".join([*lines, f"  invoiced, and known to us: {invoiced}"]) + "\n"
