"""The life of a code under crashes, faults and time, against a model that knows only what a person would."""

import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from otp_service import verifications
from otp_service.audit import COMMAND_LINE
from otp_service.core.errors import ServiceError
from otp_service.factors.phone import codes
from otp_service.factors.phone.codes import PhoneOwner
from otp_service.simulator import Simulator
from otp_service.verifications import Purpose, Recipient, sweeping
from tests.conftest import MakeApp, Time
from tests.environments import give_sinch, sinch_client_of
from tests.factories import make_person, wrong_code
from tests.verifications.crashes import Crash, MortalClient, Point

pytestmark = pytest.mark.each_case

COOLDOWN = 120
LIFETIME = 300
EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "6"))
"""How many lives are tried on SQLite, and a third of them on PostgreSQL. `make chaos` tries many."""

STEPS = 50

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("status", {"status_code": 500, "phase": "before"}),
    ("status", {"status_code": 500, "phase": "after"}),
    ("status", {"status_code": 429, "phase": "before"}),
    ("garbage", {"phase": "after"}),
    ("half_body", {"phase": "after"}),
    ("reset", {"phase": "before"}),
    ("reset", {"phase": "after"}),
    ("redirect", {}),
    ("denied", {}),
    ("status", {"status_code": 422, "phase": "before", "times": 1}),
    ("status", {"status_code": 503, "phase": "before", "times": 1}),
]
faults = st.none() | st.sampled_from(FAULTS)
silences = st.none() | st.sampled_from(
    [fault for fault in FAULTS if fault[0] != "denied" and fault[1].get("status_code") != 422]
)  # that would end the code for good


@dataclass
class Code:
    """A code on the phone, as the person and a fair observer know it."""

    text: str
    sent_at: float
    wrong_tries: int = 0
    is_granted: bool = False
    open_wrong: set[str] = field(default_factory=set)
    is_verdict_lost: bool = False


class LifeOfACode(RuleBasedStateMachine):
    """One person with one phone. `world` is set by the test below."""

    app: Flask
    sinch: Simulator
    time: Time

    def __init__(self) -> None:
        super().__init__()
        self.person = make_person(self.app)
        self.now = 0.0
        self.codes: dict[str, Code] = defaultdict(lambda: Code("", 0.0))

    @rule(fault=faults, point=st.sampled_from([Point.NOWHERE, Point.BEFORE_CALL, Point.AFTER_CALL]))
    def send(self, fault: tuple[str, dict[str, Any]] | None, point: Point) -> None:
        """Ask for a code."""
        before = len(self.inbox())
        with self.trouble("start", fault, point), suppress(ServiceError, Crash):
            self.ask()
        assert len(self.inbox()) - before <= 1, "two messages for one request"
        self.look_at_the_phone()

    @rule(fault=silences, point=st.sampled_from(Point), number=st.integers(0, 3), is_newest=st.booleans())
    def check(self, fault: tuple[str, dict[str, Any]] | None, point: Point, number: int, is_newest: bool) -> None:
        """Try a code that the phone received (number 0) or one near it."""
        messages = self.inbox()
        if messages:
            message = messages[0 if is_newest else -1]
            with self.trouble("report", fault, point):
                self.attempt(str(message["code"]), number)

    @rule(seconds=st.sampled_from([1, 12, 60, COOLDOWN, LIFETIME + 1]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.time.advance(seconds)
        self.now += seconds

    @rule(fault=silences)
    def sweep(self, fault: tuple[str, dict[str, Any]] | None) -> None:
        """Run the sweep."""
        with self.trouble("status", fault, Point.NOWHERE), self.app.app_context():
            sweeping.sweep()

    def teardown(self) -> None:
        """In fair weather: the newest code works if it should, and a new one can be had after the cooldown."""
        self.sinch.clear_faults()
        newest = self.inbox()[:1]
        if newest and self.must_work(self.codes[newest[0]["reference"]]):
            self.attempt(str(newest[0]["code"]), 0)
            assert self.codes[newest[0]["reference"]].is_granted, "a dead code"
        self.time.advance(COOLDOWN)
        self.ask()

    def must_work(self, code: Code) -> bool:
        """Not granted, not too old, wrong tries left, and the provider's yes (if lost) can only mean this code."""
        is_clear = not (code.is_verdict_lost and code.open_wrong)
        is_young = self.now - code.sent_at < LIFETIME - 15
        return not code.is_granted and is_young and code.wrong_tries <= 4 and is_clear

    def attempt(self, right: str, number: int) -> None:
        """Try a code and hold the answer against the model. Whatever is tried is tried on the newest code."""
        code, tried = self.codes[self.inbox()[0]["reference"]], wrong_code(right, number)
        is_right = tried == code.text
        code.wrong_tries += not is_right
        try:
            granted = self.prove(tried)
        except Crash:
            granted, is_open = None, True
        except ServiceError as error:
            granted, is_open = None, error.status_code == 503
        if granted is not None:
            owner = self.codes[granted]
            assert owner.text == tried, "a wrong code was granted"
            assert not owner.is_granted, "granted twice"
            owner.is_granted = True
        elif is_right:
            code.is_verdict_lost |= is_open
        elif is_open:
            code.open_wrong.add(tried)

    def prove(self, tried: str) -> str:
        """The id of the verification that was granted."""
        with self.app.app_context():
            proof = codes.prove(self.person.id, code=tried, purpose=Purpose.PHONE_VERIFICATION, client=COMMAND_LINE)
            self.client.pass_by(Point.BEFORE_REDEEM)
            from otp_service.core import clock

            proof.redeem(client=COMMAND_LINE, now=clock.now())
            return str(proof.verification_id)

    def ask(self) -> None:
        """Send a code."""
        recipient = Recipient(PhoneOwner(self.person.id), self.person.phone_number, Purpose.PHONE_VERIFICATION)
        with self.app.app_context():
            verifications.send(recipient, channel=None, client=COMMAND_LINE)

    def look_at_the_phone(self) -> None:
        """Note what arrived."""
        for message in self.inbox():
            if message["reference"] not in self.codes:
                self.codes[message["reference"]] = Code(str(message["code"]), self.now)

    def inbox(self) -> list[dict[str, Any]]:
        """What the phone received, newest first."""
        return self.sinch.inbox(self.person.phone_number)

    @property
    def client(self) -> MortalClient:
        """The client that may die."""
        client = sinch_client_of(self.app)
        assert isinstance(client, MortalClient)
        return client

    def trouble(self, operation: str, fault: tuple[str, dict[str, Any]] | None, point: Point) -> Any:
        """The provider's fault and the point of death for one step."""
        return Trouble(self, operation, fault, point)


class Trouble:
    """Sets up what goes wrong in one step, and clears it afterwards."""

    def __init__(
        self, machine: LifeOfACode, operation: str, fault: tuple[str, dict[str, Any]] | None, point: Point
    ) -> None:
        self.machine, self.operation, self.fault, self.point = machine, operation, fault, point

    def __enter__(self) -> None:
        self.machine.client.dies_at = self.point
        if self.fault is not None:
            kind, options = self.fault
            self.machine.sinch.set_fault(kind, self.operation, **options)

    def __exit__(self, *_: object) -> None:
        self.machine.client.dies_at = Point.NOWHERE
        self.machine.sinch.clear_faults()


@pytest.mark.chaos
@pytest.mark.parametrize("fallbacks", ["", "callout,whatsapp"])
def test_no_code_is_dead_or_granted_twice_whatever_goes_wrong(
    make_app: MakeApp, sinch: Simulator, time: Time, database_url: str, fallbacks: str
) -> None:
    limits = {"OTP_CHECKS_PER_HOUR": "10000", "OTP_SENDS_PER_NUMBER_HOUR": "1000", "OTP_SENDS_PER_NUMBER_DAY": "1000"}
    app = make_app(OTP_FALLBACK_CHANNELS=fallbacks, **limits)
    client = sinch_client_of(app)
    give_sinch(app, MortalClient(client._settings, client._caller._before_call))
    world = {"app": app, "sinch": sinch, "time": time}
    run_state_machine_as_test(
        type("World", (LifeOfACode,), world),
        settings=settings(
            max_examples=EXAMPLES if database_url.startswith("sqlite") else EXAMPLES // 3,
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a run of 50 steps takes minutes to shrink
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.parametrize("point", [Point.AFTER_CALL, Point.BEFORE_REDEEM])
def test_a_right_code_works_after_a_crash_whatever_was_tried_in_between(
    make_app: MakeApp, sinch: Simulator, time: Time, point: Point
) -> None:
    machine_app = make_app()
    client = sinch_client_of(machine_app)
    give_sinch(machine_app, MortalClient(client._settings))
    world = type("World", (LifeOfACode,), {"app": machine_app, "sinch": sinch, "time": time})()
    world.send(fault=None, point=Point.NOWHERE)
    world.check(fault=None, point=point, number=0, is_newest=True)
    world.check(fault=None, point=Point.NOWHERE, number=1, is_newest=True)
    world.check(fault=None, point=Point.NOWHERE, number=2, is_newest=True)
    world.check(fault=None, point=Point.NOWHERE, number=0, is_newest=True)
    assert [code.is_granted for code in world.codes.values()] == [True]
