"""Many verifications with every kind of fault: each ends verified, none is dead, doubled or billed unseen.

`CHAOS_VERIFICATIONS=10000` (as `make chaos` sets it) makes it long.
"""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from sqlalchemy import insert, select

from otp_service.accounts import credentials
from otp_service.accounts.models import User
from otp_service.core import clock
from otp_service.core.database import execute, fetch_all, transaction
from otp_service.factors.otp import sweeping
from otp_service.factors.otp.models import Verification
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person

COUNT = int(os.environ.get("CHAOS_VERIFICATIONS", "300"))
FAULT_SHARE = 0.2
TRIES = 4
THREADS = 6
BUSY = {502, 503}

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("latency", {"seconds": 0.05}),
    ("status", {"status_code": 500, "phase": "before"}),
    ("status", {"status_code": 500, "phase": "after"}),
    ("status", {"status_code": 429, "phase": "before"}),
    ("stall", {"seconds": 0.6, "phase": "before"}),
    ("stall", {"seconds": 0.6, "phase": "after"}),
    ("garbage", {"phase": "before"}),
    ("garbage", {"phase": "after"}),
    ("half_body", {"phase": "after"}),
    ("reset", {"phase": "before"}),
    ("reset", {"phase": "after"}),
    ("redirect", {}),
]


class Chaos:
    """What happened, counted over all people."""

    def __init__(self, api: Api, sinch: Simulator, seed: int) -> None:
        self.api, self.sinch, self.seed = api, sinch, seed
        self.grants = 0
        self.faulty = 0

    def live(self, person: Person) -> int:
        """Get a code and prove it, trying again as the answers advise; returns how often it was granted."""
        dice = random.Random(f"{self.seed} {person.id}")
        self.request(person, dice)
        code = str(self.sinch.inbox(person.phone_number)[0]["code"])
        statuses = self.verify(person, code, dice)
        assert statuses[-1] == 200, f"a dead code: {statuses}"
        again = self.api.post("/auth/verify-otp", {"email": person.email, "otpCode": code})
        assert again.status_code == 401, "granted twice"
        return statuses.count(200)

    def request(self, person: Person, dice: random.Random) -> None:
        for _ in range(TRIES):
            before = len(self.sinch.inbox(person.phone_number))
            self.perhaps_fail("start", person, dice)
            response = self.api.post("/auth/request-otp", {"email": person.email})
            messages = len(self.sinch.inbox(person.phone_number)) - before
            assert messages <= 1, "two messages for one request"
            if response.status_code == 200:
                return
            assert response.status_code in BUSY, response.json
            assert response.json["message"]
        raise AssertionError("no code could be had")

    def verify(self, person: Person, code: str, dice: random.Random) -> list[int]:
        statuses = []
        for _ in range(TRIES):
            self.perhaps_fail("report", person, dice)
            response = self.api.post("/auth/verify-otp", {"email": person.email, "otpCode": code})
            statuses.append(response.status_code)
            if response.status_code not in BUSY:
                break
        return statuses

    def perhaps_fail(self, operation: str, person: Person, dice: random.Random) -> None:
        if dice.random() < FAULT_SHARE:
            kind, options = dice.choice(FAULTS)
            self.sinch.set_fault(kind, operation, number=person.phone_number, times=1, **options)
            self.faulty += 1


def make_people(app: Flask, count: int) -> list[Person]:
    """Register many at once: the hash is the same for all."""
    with app.app_context():
        password_hash, now = credentials.hash_password(PASSWORD), clock.now()
        numbers = [f"+1{area}555{line:04d}" for area in (212, 213, 310) for line in range(10_000)][:count]
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


def test_every_verification_ends_well_and_the_bill_is_ours(
    make_app: MakeApp, sinch: Simulator, time: Time, database_url: str
) -> None:
    app = make_app(SINCH_TIMEOUT_MS="300")
    people = make_people(app, COUNT)
    chaos = Chaos(Api(app), sinch, seed=random.SystemRandom().randrange(10**6))
    billed_before = {line.reference for line in sinch.invoice()}
    with ThreadPoolExecutor(THREADS) as pool:
        grants = list(pool.map(chaos.live, people))
    assert grants == [1] * COUNT, f"seed {chaos.seed}"
    time.advance(301)
    with app.app_context():
        while (swept := sweeping.sweep()).settled + swept.closed + swept.priced:
            assert not swept.failed
        ours = fetch_all(select(Verification.id, Verification.price_amount, Verification.state))
    bill = {line.reference: line.price for line in sinch.invoice() if line.reference not in billed_before}
    assert {str(row.id): row.price_amount for row in ours if row.price_amount is not None} == bill
    assert {row.state for row in ours} <= {"verified", "undelivered", "superseded", "expired"}
    assert chaos.faulty > COUNT * FAULT_SHARE
