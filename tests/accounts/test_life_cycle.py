"""The life of numbers: any order of registrations, verifications, changes, undos and deletions, against a model.

The model knows which account verified which number last. `LIFE_CYCLE_STEPS=5000` makes one long run of it.
"""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from otp_service.accounts import password_hashing, registrations, users
from otp_service.accounts.models import User
from otp_service.audit import COMMAND_LINE
from otp_service.auth.registration import RESERVED_FOR
from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db
from otp_service.jobs import retention
from otp_service.simulator import Simulator
from tests.accounts.phones import ask_for_number, code_at, confirm_number, undo_token
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, new_details, new_number, sign_in

DAY = 86_400
UNDO_FOR = 3 * DAY
STEPS = 25
EXAMPLES = {"sqlite": 4, "postgresql": 2}
MOST_PEOPLE = 5
MAY_OUTLIVE = {"audit_events", "outbox_messages"}
who = st.integers(0, MOST_PEOPLE - 1)
which = st.integers(0, 2)


@dataclass
class WayBack:
    """An undo link as its owner has it in the mail."""

    token: str
    number: str
    made_at: float


@dataclass
class Soul:
    """A person as that person sees the account."""

    id: int
    email: str
    number: str | None
    is_verified: bool = False
    held_until: float | None = None
    token: str | None = None
    ways_back: list[WayBack] = field(default_factory=list)

    @property
    def person(self) -> Person:
        """As the factories take it."""
        return Person(self.id, self.email, self.number or "")


@dataclass
class Pending:
    """A change that waits for its code. `is_dead` once its code must not work any more."""

    soul: Soul
    token: str
    number: str
    code: str
    is_dead: bool = False


class LifeOfNumbers(RuleBasedStateMachine):
    """A few people who share three numbers. `world` is set by the test below."""

    app: Flask
    api: Api
    sinch: Simulator
    time: Time

    def __init__(self) -> None:
        super().__init__()
        self.numbers = [new_number() for _ in range(3)]
        self.alive: list[Soul] = []
        self.gone: list[Soul] = []
        self.pending: list[Pending] = []
        self.now = 0.0

    @rule(number=which, anew=st.booleans())
    def register(self, number: int, anew: bool) -> None:
        """Register, with the address of somebody who is gone if there is one; a number may be another's."""
        if len(self.alive) < MOST_PEOPLE:
            phone_number = self.numbers[number]
            free = sorted({soul.email for soul in self.gone} - {soul.email for soul in self.alive})
            email = free[0] if anew and free else new_details()["email"]
            with self.app.app_context():
                made = registrations.create(
                    email=email,
                    phone_number=phone_number,
                    password_hash=password_hashing.hash_password(PASSWORD),
                    client=COMMAND_LINE,
                    hold=RESERVED_FOR,
                    may_share=True,
                )
            self.alive.append(Soul(made.id, email, phone_number, held_until=self.now + DAY))

    @rule(number=which)
    def ask_openly(self, number: int) -> None:
        """Register as anybody does: refused exactly while another holds the number."""
        if len(self.alive) < MOST_PEOPLE:
            details = new_details(phoneNumber=self.numbers[number])
            with self.app.app_context():
                holder = users.find_by_phone_number(details["phoneNumber"])
            response = self.api.post("/auth/register", details)
            assert response.status_code == (201 if holder is None else 409)
            if holder is None:
                soul = Soul(response.json["userId"], details["email"], details["phoneNumber"])
                soul.held_until = self.now + DAY
                self.alive.append(soul)

    @rule(index=who)
    def verify(self, index: int) -> None:
        """Prove the own number with nothing but the address."""
        soul = self.find(index)
        if soul is not None and soul.number is not None:
            assert self.api.post("/auth/request-otp", {"email": soul.email}).status_code == 200
            self.codes_of_die(soul)
            body = {"email": soul.email, "otpCode": code_at(self.sinch, soul.number)}
            assert self.api.post("/auth/verify-otp", body).status_code == 200
            self.has_proven(soul, soul.number)

    @rule(index=who)
    def come_in(self, index: int) -> None:
        """Sign in; without a number nobody can."""
        soul = self.find(index)
        if soul is not None:
            self.enter(soul)

    @rule(index=who, number=which)
    def wish(self, index: int, number: int) -> None:
        """Ask for another number and leave it at that."""
        soul = self.find(index)
        wished = self.numbers[number]
        if soul is not None and soul.number != wished and self.enter(soul):
            assert soul.token is not None
            assert ask_for_number(self.api, soul.token, wished).status_code == 200
            self.codes_of_die(soul)
            self.pending.append(Pending(soul, soul.token, wished, code_at(self.sinch, wished)))

    @rule(newest=st.booleans())
    def confirm(self, newest: bool) -> None:
        """Enter the code of a change that was asked for."""
        if self.pending:
            pending = self.pending.pop(-1 if newest else 0)
            status = confirm_number(self.api, pending.token, pending.code).status_code
            assert status in ({401, 403} if pending.is_dead else {200}), status
            if status == 200:
                soul, old = pending.soul, pending.soul.number
                was_verified = soul.is_verified
                self.sessions_end(soul, keep=pending.token)
                self.has_proven(soul, pending.number)
                if old is not None and was_verified:
                    soul.ways_back.append(WayBack(undo_token(self.api, soul.person), old, self.now))

    @rule(index=who, oldest=st.booleans())
    def undo(self, index: int, oldest: bool) -> None:
        """Open an undo link."""
        soul = self.find(index)
        if soul is not None and soul.ways_back:
            way = soul.ways_back[0 if oldest else -1]
            others = [one for one in self.alive if one is not soul and one.number == way.number]
            is_over = self.now - way.made_at >= UNDO_FOR
            expected = 401 if is_over else 409 if any(one.is_verified for one in others) else 200
            assert (
                self.api.post("/account/phone/undo", {"token": way.token, "password": PASSWORD}).status_code == expected
            )
            if expected == 200:
                del soul.ways_back[soul.ways_back.index(way) :]
                self.sessions_end(soul)
                self.has_proven(soul, way.number)

    @rule(hours=st.sampled_from([1, 23, 25]))
    def wait(self, hours: int) -> None:
        """Let time pass, and the daily clean-up run."""
        self.time.advance(hours * 3_600)
        self.now += hours * 3_600
        for pending in self.pending:
            pending.is_dead = True
        with self.app.app_context():
            retention.run()
        for soul in list(self.alive):
            soul.token = None  # too old; the session may live
            if soul.held_until is not None and soul.held_until <= self.now:
                self.goes(soul)

    @rule(index=who)
    def leave(self, index: int) -> None:
        """Delete the account."""
        soul = self.find(index)
        if soul is not None and self.enter(soul):
            response = self.api.send("DELETE", "/account", token=soul.token, json={"password": PASSWORD})
            assert response.status_code == 204
            self.goes(soul)

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        """In particular: at most one proven owner of a number, and nobody holds one who is not in the model."""
        columns = (User.id, User.email, User.phone_number, User.phone_verified_at)
        with self.app.app_context():
            found = {row.id: (row.email, row.phone_number, row[3] is not None) for row in fetch_all(select(*columns))}
        ours = {soul.id: (soul.email, soul.number, soul.is_verified) for soul in self.alive}
        assert {key: value for key, value in found.items() if key in ours or value[1] in self.numbers} == ours
        proven = [number for _, number, is_proven in ours.values() if is_proven]
        assert len(proven) == len(set(proven)), "two proven owners"

    @invariant()
    def a_token_opens_the_account_of_its_owner_and_no_other(self) -> None:
        """Whoever is gone opens nothing; who lost the number opens no profile."""
        for soul in self.alive:
            if soul.token is not None:
                response = self.api.get("/profile", token=soul.token)
                assert response.status_code == (200 if soul.is_verified else 403)
                assert not soul.is_verified or response.json["user"]["userId"] == soul.id
        for soul in self.gone[-3:]:
            if soul.token is not None:
                assert self.api.get("/profile", token=soul.token).status_code == 401

    @invariant()
    def nothing_of_those_who_are_gone_is_left(self) -> None:
        """Their rows went with them, save events and the message that says goodbye."""
        ids = [soul.id for soul in self.gone]
        tables = [table for table in db.metadata.sorted_tables if "user_id" in table.columns]
        with self.app.app_context():
            for table in tables:
                if table.name not in MAY_OUTLIVE:
                    assert fetch_all(select(table).where(table.c.user_id.in_(ids))) == [], table.name

    def find(self, index: int) -> Soul | None:
        """Somebody who is alive."""
        return self.alive[index] if index < len(self.alive) else None

    def enter(self, soul: Soul) -> bool:
        """Sign in, which proves the number; False for somebody without one."""
        if soul.number is None:
            body = {"email": soul.email, "password": PASSWORD}
            answer: dict[str, Any] = self.api.post("/auth/login", body).json
            assert answer["otpErrorCode"] == "phone_number_missing"
            return False
        soul.token = sign_in(self.api, self.sinch, soul.person)["token"]
        self.codes_of_die(soul)
        self.has_proven(soul, soul.number)
        return True

    def has_proven(self, soul: Soul, number: str) -> None:
        """Everybody else loses the number; who had not proven theirs is gone. Proven once more, nothing changes."""
        if soul.is_verified and soul.number == number:
            return
        for other in [one for one in self.alive if one is not soul and one.number == number]:
            if other.held_until is not None:
                self.goes(other)
            else:
                other.number, other.is_verified = None, False
                other.token = None  # the number gave its level; the session goes on under a new id
                self.codes_of_die(other)
        for pending in self.pending:
            if (pending.number == number) != (pending.soul is soul):
                pending.is_dead = True
        soul.number, soul.is_verified, soul.held_until = number, True, None

    def codes_of_die(self, soul: Soul) -> None:
        """A newer code was sent to this person."""
        for pending in self.pending:
            pending.is_dead |= pending.soul is soul

    def sessions_end(self, soul: Soul, keep: str | None = None) -> None:
        """All but one."""
        if soul.token != keep:
            soul.token = None
        for pending in self.pending:
            pending.is_dead |= pending.soul is soul and pending.token != keep

    def goes(self, soul: Soul) -> None:
        """The account is no more."""
        self.alive.remove(soul)
        self.gone.append(soul)
        for pending in self.pending:
            pending.is_dead |= pending.soul is soul


@pytest.mark.chaos
def test_numbers_have_one_owner_and_nothing_passes_between_accounts(
    make_app: MakeApp, sinch: Simulator, time: Time, database_url: str
) -> None:
    app = make_app(
        ACCOUNT_DELETION_DAYS="0",
        OTP_COOLDOWN="0",
        OTP_CHECKS_PER_HOUR="10000",
        OTP_SENDS_PER_NUMBER_HOUR="1000",
        OTP_SENDS_PER_NUMBER_DAY="10000",
    )
    wished = int(os.environ.get("LIFE_CYCLE_STEPS", "0"))
    examples = EXAMPLES[database_url.partition("+")[0].partition(":")[0]]
    run_state_machine_as_test(
        type("World", (LifeOfNumbers,), {"app": app, "api": Api(app), "sinch": sinch, "time": time}),
        settings=settings(
            max_examples=wished // 50 or examples,
            stateful_step_count=50 if wished else STEPS,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a run takes minutes to shrink
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
